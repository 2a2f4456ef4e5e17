"""`/rewind N files` with the installed command: through the editor's buffers, and after a restart."""

from __future__ import annotations

from tests.interop.conftest import OpenEditor
from tests.interop.stage import Stage

SCRIPT = r"""
say: nothing to do
when: change
call: edit {"path": "a.txt", "old_text": "one", "new_text": "ONE"}
call: write {"path": "b.txt", "content": "new\n"}
---
say: changed
"""


async def test_files_come_back_through_the_editor(stage: Stage, open_editor: OpenEditor) -> None:
    file = stage.cwd / "a.txt"
    file.write_text("one on disk")
    editor = await open_editor(SCRIPT, files=True, env={"ACP_AGENT_MODE": "auto"})
    editor.buffers[str(file)] = "one, not saved"
    session = await editor.open()
    assert await session.ask("change it") == "end_turn"
    assert editor.buffers[str(file)] == "ONE, not saved"
    assert await session.ask("/rewind 1 files") == "end_turn"
    assert editor.buffers[str(file)] == "one, not saved"
    assert "- `a.txt`: restored" in session.text()
    assert file.read_text() == "one on disk"


async def test_files_come_back_after_a_restart_and_theirs_are_asked_about(
    stage: Stage, open_editor: OpenEditor
) -> None:
    file, new = stage.cwd / "a.txt", stage.cwd / "b.txt"
    file.write_text("one\n")
    editor = await open_editor(SCRIPT, env={"ACP_AGENT_MODE": "auto"})
    session = await editor.open()
    assert await session.ask("change it") == "end_turn"
    await editor.connection.close_session(session.id)

    again = await (await open_editor()).load(session.id)
    file.write_text("theirs\n")
    assert await again.ask("/rewind 1 files") == "end_turn"
    assert "- `a.txt`: changed since" in again.text()
    assert (file.read_text(), new.exists()) == ("theirs\n", True)
    assert await again.ask("/rewind 1 files anyway") == "end_turn"
    assert (file.read_text(), new.exists()) == ("one\n", False)
