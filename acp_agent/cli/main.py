"""Finds the command and runs it. Each command is imported only when it is called."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from acp_agent.cli.exits import run_command
from acp_agent.cli.parser import make_parser

_OVERRIDES = ("model", "mode", "store", "script", "config", "log_level")


def main(arguments: Sequence[str]) -> int:
    """Run the command line without the program's name; returns the exit code.

    Raises:
        SystemExit: the command line is wrong (2), or asked for help or the version (0).
    """
    args = make_parser().parse_args(arguments)
    return run_command(lambda: _dispatch(args))


def overrides(args: Namespace) -> dict[str, str]:
    """The options that are settings, as `load_config` takes them on the command line's behalf."""
    given: dict[str, str | None] = {name: getattr(args, name, None) for name in _OVERRIDES}
    return {name: value for name, value in given.items() if value}


def _dispatch(args: Namespace) -> int:
    # lazy, all of them: every command pays for itself only
    match args.command:
        case "prompt":
            from acp_agent.cli import prompt

            return prompt.main(args)
        case "chat":
            from acp_agent.cli import chat

            return chat.main(args)
        case "proxy":
            from acp_agent.cli import proxy

            return proxy.main(args)
        case "replay":
            from acp_agent.cli import replay

            return replay.main(args)
        case "conformance":
            from acp_agent.cli import conformance

            return conformance.main(args)
        case "demo":
            from acp_agent.cli import demo

            return demo.main(args)
        case "doctor":
            from acp_agent.cli import doctor

            return doctor.main(args)
        case "editor-config":
            from acp_agent.cli import editor_config

            return editor_config.main(args)
        case "login":
            from acp_agent.cli import login

            return login.main(args)
        case "models":
            from acp_agent.cli import models

            return models.main(args)
        case "sessions":
            from acp_agent.cli import sessions

            return sessions.main(args)
        case "trust":
            from acp_agent.cli import trust

            return trust.main(args)
        case "completion":
            from acp_agent.cli import completion

            return completion.main(args)
        case "serve" if args.then:
            from acp_agent.cli import login

            return login.main(Namespace(provider=None))
        case _:
            from acp_agent.cli import serve

            return serve.main(overrides(args))
