"""`acp-agent editor-config`: what to paste into an editor's settings, with the command as installed here."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import sysconfig
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from acp_agent.base.errors import ConfigError
from acp_agent.cli.editors import EDITORS
from acp_agent.cli.exits import OK

_TEMPLATES = Path(__file__).with_name("editor_templates")


def main(args: Namespace) -> int:
    """Print the snippet on stdout and where it goes on stderr."""
    editor = EDITORS[args.editor]
    plugins = tuple(editor.templates)
    plugin: str = args.plugin or plugins[0]
    if plugin not in plugins:
        raise ConfigError(f"{editor.title} has no plugin `{plugin}`", hint="leave `--plugin` away")
    sys.stdout.write(render(editor.templates[plugin], installed_command(sys.argv[0])))
    sys.stdout.flush()
    others = f"\nother plugins: {', '.join(f'--plugin {name}' for name in plugins if name != plugin)}"
    sys.stderr.write(f"paste into {editor.paste}{others if len(plugins) > 1 else ''}\n")
    return OK


def render(template: str, command: Sequence[str]) -> str:
    """The text of a template, such as `zed/settings.json`, for a command and its arguments.

    Strings are written as JSON writes them, which Lua and Emacs Lisp read alike.
    """
    text = (_TEMPLATES / template).read_text("utf-8")
    quoted = [json.dumps(word, ensure_ascii=False) for word in command]
    opening, separator, closing = _LISTS[Path(template).suffix]
    line = shlex.join(command)
    values = {
        "{{command}}": quoted[0],
        "{{args}}": f"{opening}{separator.join(quoted[1:])}{closing}",
        "{{argv}}": f"{opening}{separator.join(quoted)}{closing}",
        "{{line}}": json.dumps(line, ensure_ascii=False),
        "{{shell_word}}": shlex.quote(line),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def installed_command(argv0: str) -> list[str]:
    """How to start this program, which was started as `argv0`, from anywhere.

    That is the absolute path of its script, or the interpreter with `-m`, and with `-P`, so that no module is
    taken from a project. Links in the path are kept, because installers move what is behind them at every
    upgrade.
    """
    if Path(argv0).stem == "acp-agent" and (found := shutil.which(argv0)):
        return [str(Path(found).absolute())]
    if found := shutil.which("acp-agent", path=sysconfig.get_path("scripts")):
        return [str(Path(found).absolute())]
    return [sys.executable, "-P", "-m", "acp_agent"]


_LISTS = {
    ".json": ("[", ", ", "]"),
    ".lua": ("{ ", ", ", " }"),
    ".el": ("(", " ", ")"),
    ".sh": ("", " ", ""),
}
"""How a list is written in the language of each kind of file."""
