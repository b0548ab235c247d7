# Everything here is one line; what is longer is a script below deploy/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
DATA ?= examples/demo-district
ARGS ?=
WORKERS ?= $(if $(filter auto,$(JOBS)),auto,$(or $(JOBS),2))
PY := .venv/bin/python

.PHONY: help setup setup-dev run demo stop test pictures lint types imports check bench contract images \
	test-compose clean

help: ## 列出命令 / list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## 准备运行环境 / make the environment to run in
	@deploy/local/setup.sh run

setup-dev: ## 准备测试环境 / make the environment to test in
	@deploy/local/setup.sh dev

run: setup ## 在本机运行，首次载入示例月份 / run it here, with the example month the first time
	@exec $(PY) -m deploy.local.run run --data '$(DATA)'

demo: setup ## 从空白跑一遍 DATA 并核对结果 / play DATA once from nothing and check the outcome
	@exec $(PY) -m deploy.local.run demo --data '$(DATA)'

stop: setup ## 停止本机运行 / stop what runs here
	@$(PY) -m deploy.local.run stop

test: setup-dev ## 全部测试（无需 Docker），ARGS= 传给 pytest / all tests; ARGS= goes to pytest
	@exec $(PY) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

pictures: setup-dev ## 每页四种样式并留图 / look at each page in all four looks, and keep pictures
	@LINLI_LOOKS=all exec $(PY) -m pytest -n $(WORKERS) --dist loadfile tests/browser $(ARGS)

lint: setup-dev ## 代码规范 / style
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: setup-dev ## 类型 / types
	@$(PY) -m mypy services shared deploy

imports: setup-dev ## 模块边界 / who may import whom
	@$(PY) .venv/bin/lint-imports

check: lint types imports ## 以上三项 / the three above

bench: setup-dev ## 性能测量 / measure speed and memory
	@exec $(PY) -m deploy.bench $(ARGS)

contract: setup ## 生成契约文档 / write the contract's documents
	@$(PY) -m deploy.cli contract

images: ## 构建容器镜像，MIRROR= 指定镜像站 / build the container images; MIRROR= names a mirror
	@deploy/docker/images.sh $(ARGS)

test-compose: ## 用容器跑示例月份 / play the example month in containers
	@deploy/docker/test-compose.sh

clean: ## 停止并删除本机数据与环境 / stop, and remove local data and environments
	@[ ! -x $(PY) ] || $(PY) -m deploy.local.run clean
	@rm -rf .run .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
