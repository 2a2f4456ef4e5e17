"""The argument parser, made from the table of commands."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable

from acp_agent import __version__
from acp_agent.cli.commands import COMMANDS, Argument, Command, Option
from acp_agent.cli.exits import EXIT_CODES

_FORMATTER = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
_DESCRIPTION = """\
A coding agent for every editor that speaks the Agent Client Protocol.

Without a command it serves an editor on stdin and stdout."""


def make_parser() -> argparse.ArgumentParser:
    """A parser for the whole command line; `command` in its result names the command, or is None."""
    codes = "\n".join(f"  {code:<5}{meaning}" for code, meaning in EXIT_CODES)
    parser = argparse.ArgumentParser(
        prog="acp-agent",
        formatter_class=_FORMATTER,
        allow_abbrev=False,  # an abbreviation would break as soon as a similar option is added
        description=_DESCRIPTION,
        epilog="\n\n".join(
            [
                _examples(
                    [
                        ("acp-agent demo", "see a session, no key needed"),
                        ("acp-agent doctor", "check keys, settings and editors"),
                        ("acp-agent editor-config zed", "what to paste into an editor"),
                        ('acp-agent prompt "explain this project"', "one prompt in the terminal"),
                    ]
                ),
                f"exit codes:\n{codes}",
            ]
        ),
    )
    parser.add_argument("-V", "--version", action="version", version=f"acp-agent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        child = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description or f"{command.help[:1].upper()}{command.help[1:]}.",
            epilog=_examples(command.examples),
            formatter_class=_FORMATTER,
            allow_abbrev=False,
        )
        _fill(child, command)
    return parser


def _fill(parser: argparse.ArgumentParser, command: Command) -> None:
    if command.argument:
        _add_argument(parser, command.argument)
    if command.second_argument:
        _add_argument(parser, command.second_argument)
    for option in command.options:
        _add_option(parser, option)


def _add_argument(parser: argparse.ArgumentParser, argument: Argument) -> None:
    parser.add_argument(
        argument.name,
        help=argument.help,
        metavar=argument.name.upper(),
        choices=argument.choices or None,
        nargs="*" if argument.rest else None if argument.required else "?",
    )


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    if not option.value:
        parser.add_argument(*option.flags, action="store_true", help=option.help)
        return
    listed = f" ({', '.join(option.choices)})" if option.choices else ""
    parser.add_argument(
        *option.flags,
        metavar=option.value,
        choices=option.choices or None,
        action="append" if option.repeats else "store",
        help=option.help + listed,
    )


def _examples(examples: Iterable[tuple[str, str]]) -> str:
    shown = list(examples)
    width = max(len(line) for line, _ in shown)
    return "examples:\n" + "\n".join(f"  {line:<{width}}  {meaning}" for line, meaning in shown)
