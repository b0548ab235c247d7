"""The command's root: which name is found in which module, and how failures are told."""

from __future__ import annotations

import importlib
import sys

import click

_COMMANDS = {
    "account": "deploy.cli.account:account",
    "calendar": "deploy.cli.calendar:calendar",
    "catalogue": "deploy.cli.catalogue:catalogue",
    "contract": "deploy.cli.contract:contract",
    "dead-letters": "deploy.cli.dead_letters:dead_letters",
    "discard": "deploy.cli.dead_letters:discard",
    "dispatch": "deploy.cli.dispatch:dispatch",
    "doctor": "deploy.cli.doctor:doctor",
    "events": "deploy.cli.events:events",
    "journal": "deploy.cli.journal:journal",
    "load": "deploy.cli.load:load",
    "migrate": "deploy.cli.migrate:migrate",
    "month": "deploy.cli.month:month",
    "open311": "deploy.cli.open311:open311",
    "partner": "deploy.cli.partner:partner",
    "proof": "deploy.cli.proof:proof",
    "replay": "deploy.cli.dead_letters:replay",
    "time-bank": "deploy.cli.time_bank:time_bank",
    "topology": "deploy.cli.topology:topology",
    "web": "deploy.cli.web:web",
    "worker": "deploy.cli.worker:worker",
}


class _Lazy(click.Group):
    """Finds a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="linli", message="%(version)s")
def linli() -> None:
    """邻里 Linli：运维命令 / the operators' command.

    配置取自环境变量 NAME 或文件 NAME_FILE。
    Settings come from environment variables NAME or files NAME_FILE.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a command; a failure that has a remedy is one message, not a traceback."""
    try:
        left_with = linli.main(arguments, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except Exception as problem:
        from deploy.cli.failing import message_of  # noqa: PLC0415

        message = message_of(problem)
        if message is None:
            raise
        click.echo(message, err=True)
        sys.exit(1)
    sys.exit(left_with if isinstance(left_with, int) else 0)
