"""`acp-agent completion`: scripts that let a shell complete commands, options and values."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator

from acp_agent.cli.commands import COMMANDS, Argument, Command, Option
from acp_agent.cli.exits import OK

_GLOBAL_FLAGS = "--help --version"


def main(args: Namespace) -> int:
    """Print the script for `args.shell`."""
    sys.stdout.write(script_for(args.shell))
    return OK


def script_for(shell: str) -> str:
    """The completion script for `bash`, `zsh` or `fish`."""
    makers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(makers[shell]()) + "\n"


def _bash() -> Iterator[str]:
    names = " ".join(command.name for command in COMMANDS)
    yield "_acp_agent() {"
    yield '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  local command="${COMP_WORDS[1]}"'
    yield "  COMPREPLY=()"
    yield '  if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'    COMPREPLY=($(compgen -W "{names} {_GLOBAL_FLAGS}" -- "$cur"))'
    yield "    return"
    yield "  fi"
    yield '  case "$command:$prev" in'
    for command in COMMANDS:
        for option in command.options:
            if option.value:
                patterns = "|".join(f"{command.name}:{flag}" for flag in option.flags)
                yield f"    {patterns}) {_bash_reply(option)}; return ;;"
    yield "  esac"
    yield '  case "$command" in'
    for command in COMMANDS:
        flags = " ".join(flag for option in command.options for flag in option.flags)
        words = f'COMPREPLY=($(compgen -W "{flags} --help" -- "$cur"))'
        positional = _bash_reply(command.argument) if command.argument else ":"
        if command.second_argument:
            second = _bash_reply(command.second_argument)
            positional = f'if [ "$COMP_CWORD" -eq 2 ]; then {positional}; else {second}; fi'
        yield f'    {command.name}) case "$cur" in -*) {words} ;; *) {positional} ;; esac ;;'
    yield "  esac"
    yield "}"
    yield "complete -o filenames -F _acp_agent acp-agent"


def _bash_reply(value: Option | Argument) -> str:
    if value.choices:
        return f'COMPREPLY=($(compgen -W "{" ".join(value.choices)}" -- "$cur"))'
    switch = {"file": "-f", "folder": "-d"}.get(value.completes)
    return f'COMPREPLY=($(compgen {switch} -- "$cur"))' if switch else ":"


def _zsh() -> Iterator[str]:
    yield "#compdef acp-agent"
    yield "_acp_agent() {"
    yield "  local state"
    yield "  local -a commands"
    yield "  commands=("
    for command in COMMANDS:
        yield f"    {shlex.quote(f'{command.name}:{command.help}')}"
    yield "  )"
    yield "  _arguments -C '(- *)'{-h,--help}'[show help]' '(- *)'{-V,--version}'[show the version]' \\"
    yield "    '1: :->command' '*:: :->rest'"
    yield "  case $state in"
    yield "    command) _describe command commands ;;"
    yield "    rest)"
    yield "      case $words[1] in"
    for command in COMMANDS:
        specs = " ".join(shlex.quote(spec) for spec in _zsh_specs(command))
        yield f"        {command.name}) _arguments {specs} ;;"
    yield "      esac ;;"
    yield "  esac"
    yield "}"
    yield "compdef _acp_agent acp-agent"


def _zsh_specs(command: Command) -> Iterator[str]:
    yield "(- *)--help[show help]"
    for option in command.options:
        described = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
        value = f":{option.value}:{_zsh_action(option)}" if option.value else ""
        for flag in option.flags:
            yield f"({' '.join(option.flags)}){flag}[{described}]{value}"
    if command.argument:
        which = "*" if command.argument.rest else "1"
        yield f"{which}:{command.argument.name}:{_zsh_action(command.argument)}"
    if command.second_argument:
        yield f"2:{command.second_argument.name}:{_zsh_action(command.second_argument)}"


def _zsh_action(value: Option | Argument) -> str:
    if value.choices:
        return f"({' '.join(value.choices)})"
    return {"file": "_files", "folder": "_files -/"}.get(value.completes, "")


def _fish() -> Iterator[str]:
    yield "complete -c acp-agent -f"
    yield "complete -c acp-agent -n __fish_use_subcommand -s h -l help -d 'show help'"
    yield "complete -c acp-agent -n __fish_use_subcommand -s V -l version -d 'show the version'"
    for command in COMMANDS:
        yield (
            f"complete -c acp-agent -n __fish_use_subcommand -a {command.name} -d {_fish_quote(command.help)}"
        )
    for command in COMMANDS:
        start = f"complete -c acp-agent -n '__fish_seen_subcommand_from {command.name}'"
        if command.argument:
            yield f"{start}{_fish_values(command.argument)}"
        for option in command.options:
            short = f" -s {option.short}" if option.short else ""
            values = f" -r{_fish_values(option)}" if option.value else ""
            yield f"{start}{short} -l {option.name}{values} -d {_fish_quote(option.help)}"


def _fish_values(value: Option | Argument) -> str:
    if value.choices:
        return f" -a '{' '.join(value.choices)}'"
    return {"file": " -F", "folder": " -a '(__fish_complete_directories)'"}.get(value.completes, "")


def _fish_quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
