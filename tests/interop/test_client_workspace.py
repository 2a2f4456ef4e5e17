"""Files and commands of an editor that offers its buffers and terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Lifeline, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


def call(name: str, **arguments: Any) -> str:
    return f"call: {name} {dump_text(arguments)}"


async def test_unsaved_changes_reach_the_model(stage: Stage, open_editor: OpenEditor) -> None:
    file = stage.cwd / "open.txt"
    file.write_text("saved\n")
    model = await stage.model(in_order(call("read", path="open.txt"), "say: ok"))
    editor = await open_editor(files=True)
    editor.buffers[str(file)] = "unsaved words\n"
    session = await editor.open()
    await session.ask("read")
    assert "unsaved words" in conversation(model.requests[1])


async def test_only_the_lines_that_are_wanted_are_asked_for(stage: Stage, open_editor: OpenEditor) -> None:
    file = stage.cwd / "open.txt"
    file.write_text("saved\n")
    model = await stage.model(in_order(call("read", path="open.txt", offset=2, limit=1), "say: ok"))
    editor = await open_editor(files=True)
    editor.buffers[str(file)] = "one\ntwo\nthree\n"
    session = await editor.open()
    await session.ask("read")
    asked = editor.agent.frames("fs/read_text_file")[0]
    assert (asked["line"], asked["limit"]) == (2, 2)  # one more tells whether there is more
    told = conversation(model.requests[1])  # though this editor sends the whole whatever it is asked for
    assert "two\\n(more lines follow" in told
    assert "three" not in told


async def test_an_edit_goes_through_the_editor_once_and_not_to_the_disk(
    stage: Stage, open_editor: OpenEditor
) -> None:
    file = stage.cwd / "open.txt"
    file.write_text("saved\n")
    editor = await open_editor(
        in_order(call("edit", path="open.txt", old_text="unsaved", new_text="changed"), "say: ok"), files=True
    )
    editor.buffers[str(file)] = "unsaved words\n"
    session = await editor.open()
    assert await session.ask("edit") == "end_turn"
    assert editor.writes == [(str(file), "changed words\n")]
    assert file.read_text() == "saved\n"
    [shown] = session.calls()
    assert shown["content"][0]["oldText"] == "unsaved words\n"


async def test_a_new_file_is_written_through_the_editor(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("write", path="new.txt", content="x\n"), "say: ok"), files=True)
    session = await editor.open()
    assert await session.ask("write") == "end_turn"
    assert editor.writes == [(str(stage.cwd / "new.txt"), "x\n")]
    assert not (stage.cwd / "new.txt").exists()


async def test_files_the_editor_does_not_have_are_read_from_disk(
    stage: Stage, open_editor: OpenEditor
) -> None:
    (stage.cwd / "closed.txt").write_text("from the disk\n")
    editor = await open_editor(in_order(call("read", path="closed.txt"), "say: ok"), files=True)
    session = await editor.open()
    await session.ask("read")
    assert [path["path"] for path in editor.agent.frames("fs/read_text_file")] == [
        str(stage.cwd / "closed.txt")
    ]
    assert "from the disk" in conversation(stage.models[0].requests[1])


async def test_an_editor_without_files_is_never_asked_for_any(stage: Stage, open_editor: OpenEditor) -> None:
    (stage.cwd / "a.txt").write_text("a\n")
    script = in_order(
        call("read", path="a.txt"),
        call("write", path="b.txt", content="b"),
        call("bash", command="true"),
        "say: ok",
    )
    editor = await open_editor(script)
    session = await editor.open()
    await session.ask("work")
    asked = {
        line.frame["method"] for line in editor.agent.log if line.sender == "agent" and "method" in line.frame
    }
    assert asked == {"session/update", "session/request_permission"}
    assert (stage.cwd / "b.txt").read_text() == "b"


async def test_a_write_the_editor_refuses_fails_and_leaves_the_disk_alone(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(in_order(call("write", path="x.txt", content="x"), "say: ok"), files=True)
    editor.refuses_writes = True
    session = await editor.open()
    assert await session.ask("write") == "end_turn"
    assert session.calls()[0]["status"] == "failed"
    assert not (stage.cwd / "x.txt").exists()


async def test_a_command_runs_in_a_terminal_that_is_shown_and_released(
    stage: Stage, open_editor: OpenEditor
) -> None:
    model = await stage.model(in_order(call("bash", command="echo from-terminal; exit 4"), "say: ok"))
    editor = await open_editor(terminal=True)
    session = await editor.open()
    await session.ask("run")
    await editor.agent.seen(lambda frame: frame.get("method") == "terminal/release")
    assert [frame["method"] for frame in editor.agent.calls("terminal/")] == [
        "terminal/create",
        "terminal/wait_for_exit",
        "terminal/output",
        "terminal/release",
    ]
    assert editor.agent.frames("terminal/create")[0]["cwd"] == str(stage.cwd)
    [shown] = session.calls()
    assert shown["content"] == [{"type": "terminal", "terminalId": "terminal-1"}]
    assert "from-terminal\\n(exit code 4)" in conversation(model.requests[1])


async def test_a_command_over_its_time_is_killed_in_its_terminal(
    stage: Stage, open_editor: OpenEditor, lifeline: Lifeline
) -> None:
    command = lifeline.hold + "echo begun; exec sleep 600"
    editor = await open_editor(in_order(call("bash", command=command, timeout=2), "say: ok"), terminal=True)
    session = await editor.open()
    turn = session.begin("run")
    await lifeline.wait_held()
    assert await turn.result() == "end_turn"
    await lifeline.wait_gone()
    assert "terminal/kill" in [frame["method"] for frame in editor.agent.calls("terminal/")]
    await editor.agent.seen(lambda frame: frame.get("method") == "terminal/release")
    assert "timed out after 2 s" in conversation(stage.models[0].requests[1])


async def test_cancel_releases_the_terminal(
    stage: Stage, open_editor: OpenEditor, lifeline: Lifeline
) -> None:
    script = f"{call('bash', command=lifeline.hold + 'exec sleep 600')}\nwhen: next\nsay: ok"
    editor = await open_editor(script, terminal=True)
    session = await editor.open()
    turn = session.begin("run")
    await lifeline.wait_held()
    await session.cancel()
    assert await turn.result() == "cancelled"
    await editor.agent.seen(lambda frame: frame.get("method") == "terminal/release")
    await lifeline.wait_gone()
    assert await session.ask("next") == "end_turn"
    assert editor.terminals == {}
