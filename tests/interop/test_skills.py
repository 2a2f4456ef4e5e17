"""Skills as a client sees them: told to the model, read in a call, a project's once it is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Stage

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
    call = f"call: skill {dump_text({'skill_name': 'notes', 'prompt': 'version 2'})}"
    model = await stage.model(in_order(call, "say: written"))
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
