# The application: one image for every web and worker process, the migrations and the `linli` command.
# Python packages come from wheels/ (fetched beforehand by images.sh, hashes checked): the build itself
# needs no package index.
ARG BASE=linli-base:trixie
FROM ${BASE} AS python
RUN groupadd -g 10001 linli \
    && useradd -u 10001 -g 10001 -d /srv/linli -s /usr/sbin/nologin linli \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* \
    && install -d -o linli -g linli -m 0700 /var/lib/linli

FROM python AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv python3-setuptools-whl
RUN python3 -m venv /opt/linli
COPY wheels/ /wheels/
COPY requirements.txt /requirements.txt
RUN /opt/linli/bin/pip install --no-index --find-links /wheels --require-hashes -r /requirements.txt
COPY src/ /srv/linli/
RUN touch /srv/linli/README.md \
    && /opt/linli/bin/pip install --no-index --find-links /usr/share/python-wheels setuptools \
    && /opt/linli/bin/pip install --no-index --no-deps --no-build-isolation -e /srv/linli \
    && /opt/linli/bin/pip uninstall -y setuptools pip \
    && /opt/linli/bin/python -m compileall -q /srv/linli

FROM python
COPY --from=build /opt/linli /opt/linli
COPY --from=build /srv/linli /srv/linli
COPY linli-entrypoint.sh /usr/local/bin/linli-entrypoint
COPY http-healthy.sh /usr/local/bin/http-healthy
ARG LINLI_REVISION=unknown
ENV PATH=/opt/linli/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    LINLI_REVISION=${LINLI_REVISION}
USER linli
WORKDIR /var/lib/linli
ENTRYPOINT ["linli-entrypoint"]
CMD ["--help"]
