"""`acp-agent editor-config` prints the snippet on stdout and its place on stderr."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path

import pytest

from acp_agent.cli.editor_config import installed_command
from acp_agent.cli.editors import EDITORS
from acp_agent.cli.main import main


@pytest.mark.parametrize("editor", list(EDITORS))
def test_every_editor_has_a_snippet_with_a_command_that_exists(
    editor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["editor-config", editor]) == 0
    printed = capsys.readouterr()
    program = installed_command(sys.argv[0])[0]
    assert os.path.isabs(program)
    assert os.access(program, os.X_OK)
    assert json.dumps(program)[1:-1] in printed.out or program in printed.out
    assert "{{" not in printed.out
    assert EDITORS[editor].paste in printed.err


def test_neovim_has_a_snippet_per_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["editor-config", "neovim", "--plugin", "avante"]) == 0
    printed = capsys.readouterr()
    assert 'require("avante")' in printed.out
    assert "--plugin codecompanion, --plugin agentic" in printed.err


def test_a_plugin_for_an_editor_without_plugins_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["editor-config", "zed", "--plugin", "avante"]) == 3
    assert capsys.readouterr().out == ""


def test_the_script_that_was_started_is_the_command(tmp_path: Path) -> None:
    target = tmp_path / "tools" / "acp-agent.exe"
    target.parent.mkdir()
    target.write_text("#!/bin/sh\n", "utf-8")
    target.chmod(0o755)
    assert installed_command(str(target)) == [str(target)]


def test_without_a_script_the_interpreter_is_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty_folder(name: str) -> str:
        return str(tmp_path)

    monkeypatch.setattr(sysconfig, "get_path", empty_folder)
    assert installed_command("/x/acp_agent/__main__.py") == [sys.executable, "-P", "-m", "acp_agent"]
