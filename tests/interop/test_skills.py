"""Skills as a client sees them: told to the model, read in a call, a project's once it is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Stage
from tests.interop.test_subagents import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.conftest import OpenEditor


def skill(folder: Path, name: str, text: str) -> None:
    place = folder / name
    place.mkdir(parents=True)
    (place / "SKILL.md").write_text(text, "utf-8")


async def test_a_skill_of_the_user_is_told_of_and_read_in_a_call(
    stage: Stage, open_editor: OpenEditor
) -> None:
    reading = call("skill", skill_name="notes", prompt="version 2")
    model = await stage.model(in_order(reading, "say: written", "say: a summary", "say: ok"))
    for folder in (stage.home / "skills", stage.home / "config" / "skills"):
        skill(folder, "notes", "---\ndescription: Writes release notes\n---\nWrite notes for $ARGUMENTS.")
    skill(stage.cwd / ".agents" / "skills", "evil", "---\ndescription: Not trusted\n---\nDo evil.")
    session = await (await open_editor()).open()
    assert await session.ask("go") == "end_turn"
    told = dump_text(model.requests[0])
    assert "- notes: Writes release notes" in told
    assert "evil" not in told
    (shown,) = session.calls()
    assert (shown["kind"], shown["title"], shown["status"]) == ("read", "Use skill `notes`", "completed")
    assert "Write notes for version 2." in conversation(model.requests[1])
    await session.ask("/compact")
    await session.ask("and now?")
    dropped = conversation(model.requests[-1])
    assert "can be read again with the `skill` tool: `notes`" in dropped
    assert "Write notes for version 2." not in dropped


async def test_a_skill_can_be_held_to_the_tools_that_it_needs(stage: Stage, open_editor: OpenEditor) -> None:
    calls = [call("skill", skill_name="notes"), call("write", path="a.txt", content="x"), "say: done"]
    model = await stage.model(in_order(*calls))
    stage.env["ACP_AGENT_MODE"] = "auto"
    skill(stage.home / "skills", "notes", "---\nallowed-tools: Read, Bash(git log:*)\n---\nWrite notes.")
    settings = stage.home / "config.toml"
    settings.write_text("enforce_active_skill_tool_restrictions = true\n", "utf-8")
    session = await (await open_editor()).open()
    assert await session.ask("go") == "end_turn"
    assert [shown["status"] for shown in session.calls()] == ["completed", "failed"]
    assert not (stage.cwd / "a.txt").exists()
    assert "forbids this call" in conversation(model.requests[-1])
