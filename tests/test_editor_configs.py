"""Every editor configuration is what the command prints, and is well-formed in its own language."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acp_agent.cli.editor_config import render
from acp_agent.cli.editors import EDITORS

FOLDER = Path(__file__).parent.parent / "editor-configs"
TEMPLATES = [template for editor in EDITORS.values() for template in editor.templates.values()]
COMMANDS = [
    ["acp-agent"],
    ["/opt/agent tools/bin/acp-agent"],
    [r"C:\Program Files\Python\python.exe", "-m", "acp_agent"],
    ['/odd/"quoted" $(x) é/python', "-m", "acp_agent"],
]

Json = dict[str, "Json"] | list[str] | str


def without_comments(text: str) -> str:
    """JSON with comments and trailing commas, as JSON."""
    token = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.S)
    return re.sub(r",(\s*[}\]])", r"\1", token.sub(lambda found: found[1] or "", text))


def words(text: str, comment: str) -> Iterator[str]:
    """The tokens of Lua or Emacs Lisp that matter for structure: strings, brackets and words."""
    for found in re.finditer(rf'{comment}[^\n]*|"(?:\\.|[^"\\])*"|[()\[\]{{}}]|[A-Za-z_][\w-]*|\S', text):
        if not found[0].startswith(comment):
            yield found[0]


def is_balanced(tokens: Iterator[str], *, blocks: bool) -> bool:
    """Whether brackets, and `function`/`if`/`do` with `end`, close in order."""
    closing = {")": "(", "]": "[", "}": "{", **({"end": "function"} if blocks else {})}
    opening = {"(", "[", "{", *(["function"] if blocks else [])}
    stack: list[str] = []
    for token in tokens:
        if token in opening:
            stack.append(token)
        elif token in closing and (not stack or stack.pop() != closing[token]):
            return False
    return not stack


def strings_of(text: str, comment: str) -> list[str]:
    return [json.loads(token) for token in words(text, comment) if token.startswith('"')]


def has_run(strings: list[str], wanted: list[str]) -> bool:
    """Whether the wanted strings stand next to each other."""
    starts = range(len(strings) - len(wanted) + 1)
    return any(strings[start : start + len(wanted)] == wanted for start in starts)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_repository_has_what_the_command_prints(template: str) -> None:
    expected = render(template, ["acp-agent"])
    file = FOLDER / template
    if os.environ.get("UPDATE_EDITOR_CONFIGS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(expected, "utf-8")
    assert file.read_text("utf-8") == expected


def test_nothing_else_lies_there_and_the_table_lists_all() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {*TEMPLATES, "README.md"}
    table = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"]({template})" in table for template in TEMPLATES)
    assert all(f"acp-agent editor-config {name}" in table for name in EDITORS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("template", "group"),
    [
        ("zed/settings.json", "agent_servers"),
        ("jetbrains/acp.json", "agent_servers"),
        ("vscode/settings.json", "acp.agents"),
    ],
)
def test_json_editors_start_the_command(template: str, group: str, command: list[str]) -> None:
    settings = json.loads(without_comments(render(template, command)))
    server = settings[group]["acp-agent"]
    assert [server["command"], *server["args"]] == command
    assert server["env"] == {}
    assert server.get("type", "custom") == "custom"


def test_jetbrains_and_acpx_files_are_plain_json() -> None:
    for template in ("jetbrains/acp.json", "acpx/config.json"):
        json.loads((FOLDER / template).read_text("utf-8"))


@pytest.mark.parametrize("command", COMMANDS)
def test_clients_that_take_a_command_line_get_one(command: list[str]) -> None:
    settings = json.loads(render("acpx/config.json", command))
    assert shlex.split(settings["agents"]["acp-agent"]["command"]) == command
    toad = shlex.split(render("toad/acp-agent.sh", command), comments=True)
    assert toad[:2] == ["toad", "acp"]
    assert shlex.split(toad[2]) == command


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("template", [template for template in TEMPLATES if template.endswith(".lua")])
def test_lua_is_balanced_and_has_the_command(template: str, command: list[str], tmp_path: Path) -> None:
    text = render(template, command)
    assert is_balanced(words(text, "--"), blocks=True)
    assert has_run(strings_of(text, "--"), command)
    assert "{{" not in text
    if nvim := shutil.which("nvim"):
        file = tmp_path / "config.lua"
        file.write_text(text, "utf-8")
        check = f"lua assert(loadfile({json.dumps(str(file))}))"
        subprocess.run([nvim, "--headless", "-u", "NONE", "-c", check, "-c", "qa"], check=True, timeout=30)


@pytest.mark.parametrize("command", COMMANDS)
def test_lisp_is_balanced_and_has_the_command(command: list[str], tmp_path: Path) -> None:
    text = render("emacs/agent-shell.el", command)
    assert is_balanced(words(text, ";"), blocks=False)
    assert has_run(strings_of(text, ";"), command)
    if emacs := shutil.which("emacs"):
        file = tmp_path / "config.el"
        file.write_text(text, "utf-8")
        subprocess.run([emacs, "--batch", "-Q", "-l", str(file)], check=True, timeout=30)


def test_the_structural_checks_see_damage() -> None:
    lua = (FOLDER / "neovim/codecompanion.lua").read_text("utf-8")
    assert not is_balanced(words(lua.replace("end,", ",", 1), "--"), blocks=True)
    assert not is_balanced(words(lua[:-3], "--"), blocks=True)
    lisp = (FOLDER / "emacs/agent-shell.el").read_text("utf-8")
    assert not is_balanced(words(lisp.replace(")", "", 1), ";"), blocks=False)
