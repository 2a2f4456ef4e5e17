"""Hooks and limits of the settings, as an editor's user meets them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from acp_agent.base.jsontext import dump_text
from tests.interop.history import conversation
from tests.interop.stage import COMMAND, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

posix = pytest.mark.skipif(os.name == "nt", reason="the hook is POSIX shell")

HOOK = """
[[hooks]]
event = "pre_tool_use"
tool = "read"
command = "cat > asked.json; echo ask a colleague >&2; exit 2"
"""
SCRIPT = f"call: read {dump_text({'path': 'a.txt'})}\n---\nsay: {{result}}"


@posix
async def test_a_hook_of_a_project_is_run_once_its_folder_is_trusted(
    stage: Stage, open_editor: OpenEditor
) -> None:
    settings = stage.cwd / ".acp-agent" / "config.toml"
    settings.parent.mkdir()
    settings.write_text(HOOK, "utf-8")
    (stage.cwd / "a.txt").write_text("the needle", "utf-8")
    model = await stage.model(SCRIPT)
    editor = await open_editor()
    session = await editor.open()
    assert await session.ask("go") == "end_turn"
    assert "the needle" in conversation(model.requests[-1])
    assert "`hooks` without effect: the folder is not trusted" in session.text()
    assert not (stage.cwd / "asked.json").exists()
    await session.close()

    subprocess.run(  # noqa: ASYNC221 # nothing else is going on
        [COMMAND, "trust", str(stage.cwd)],
        env={"PATH": "", "ACP_AGENT_HOME": str(stage.home)},
        capture_output=True,
        check=True,
    )
    trusted = await editor.open()
    assert await trusted.ask("go") == "end_turn"
    assert "ask a colleague" in conversation(model.requests[-1])
    assert "the needle" not in conversation(model.requests[-1])
    (call,) = trusted.calls()
    assert trusted.statuses(call["toolCallId"])[-1] == "failed"
    assert '"tool":"read"' in (stage.cwd / "asked.json").read_text("utf-8")


async def test_a_prompt_that_uses_too_many_tokens_is_ended_with_a_notice(
    stage: Stage, open_editor: OpenEditor
) -> None:
    stage.home.mkdir(exist_ok=True)
    (stage.home / "config.toml").write_text("[limits]\nmax_tokens_per_prompt = 100\n", "utf-8")
    (stage.cwd / "a.txt").write_text("the needle", "utf-8")
    await stage.model(SCRIPT.replace("\n---", "\nusage: 90 20\n---"))
    session = await (await open_editor()).open()
    assert await session.ask("go") == "max_tokens"
    assert "A limit is reached: 110 tokens of 100 tokens are used" in session.text()
