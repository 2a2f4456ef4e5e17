"""Sessions listed, loaded, resumed, closed, deleted, and found again after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import acp
import pytest

from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import Conversation, Editor, OpenEditor

WORK = """\
think: I should edit.
say: I edit the file.
call: write {"path": "a.txt", "content": "one\\ntwo\\n"}
call: todo {"entries": [{"content": "look", "status": "completed"}]}
usage: 100 20
---
think: Now run it.
call: bash {"command": "cat a.txt; exit 1"}
call: no_such_tool {}
usage: 200 30
---
say: All {result}
say: done.
usage: 300 10
when: again
say: And again.
"""


def drawn(updates: list[Frame]) -> list[Frame]:
    """What a client shows after these updates: messages whole, calls as they stand, the rest as it came."""
    shown: dict[Any, Frame] = {}
    for update in updates:
        kind = update["sessionUpdate"]
        if "messageId" in update and update["content"]["type"] == "text":
            entry = shown.setdefault(
                (kind, update["messageId"]), {"kind": kind, "id": update["messageId"], "text": ""}
            )
            entry["text"] += update["content"]["text"]
        elif kind in ("tool_call", "tool_call_update"):
            shown.setdefault(update["toolCallId"], {}).update(update, sessionUpdate="tool_call")
        else:
            shown[len(shown), kind] = update
    return list(shown.values())


def without_user(entries: list[Frame]) -> list[Frame]:
    return [entry for entry in entries if entry.get("kind") != "user_message_chunk"]


async def test_a_new_process_replays_exactly_what_the_client_saw(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model(WORK, service)
    editor = await open_editor()
    session = await editor.open()
    assert await session.ask("do the work") == "end_turn"
    await editor.connection.set_session_mode(session.id, "auto")
    assert await session.ask("again") == "end_turn"
    seen = drawn(session.updates())
    await session.close()

    later = await open_editor()
    again = await later.load(session.id)

    replayed = drawn(again.updates())
    assert without_user(replayed) == seen
    users = [entry["text"] for entry in replayed if entry.get("kind") == "user_message_chunk"]
    assert users == ["do the work", "again"]
    # The offer of commands may come behind it.
    last = next(
        frame for sender, frame in reversed(later.agent.log) if sender == "agent" and "result" in frame
    )
    assert last["result"]["modes"]["currentModeId"] == "auto"
    assert [option["currentValue"] for option in last["result"]["configOptions"][:2]] == [
        "auto",
        f"{service}/test-model",
    ]
    n_updates = len(again.updates())
    assert await again.ask("again") == "end_turn"
    assert len(again.updates()) > n_updates
    assert "All " in conversation(model.requests[-1])


async def test_resume_replays_nothing_and_remembers_everything(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(WORK)
    session = await editor.open()
    await session.ask("do the work")
    await editor.connection.set_session_mode(session.id, "plan")
    await session.close()

    later = await open_editor()
    resumed = await later.connection.resume_session(session.id, str(stage.cwd), mcp_servers=[])
    assert later.agent.updates(session.id) == []
    assert resumed.modes is not None
    assert resumed.modes.current_mode_id == "plan"
    assert [option.id for option in resumed.config_options or []][:2] == ["mode", "model"]
    await later.connection.prompt(session.id, [acp.text_block("again")])
    assert "I edit the file." in conversation(stage.models[0].requests[-1])


async def test_sessions_are_listed_newest_first_by_directory_and_page(
    stage: Stage, open_editor: OpenEditor, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    editor = await open_editor("say: ok")
    opened: list[str] = []
    for number in range(53):
        session = await editor.open(cwd=other if number == 7 else None)
        await session.ask(f"prompt number {number}")
        opened.insert(0, session.id)

    later = await open_editor()
    first = await later.connection.list_sessions()
    assert first.next_cursor is not None
    second = await later.connection.list_sessions(cursor=first.next_cursor)
    assert second.next_cursor is None
    assert [info.session_id for info in (*first.sessions, *second.sessions)] == opened
    assert first.sessions[0].title == "prompt number 52"
    assert first.sessions[0].cwd == str(stage.cwd)
    elsewhere = await later.connection.list_sessions(cwd=str(other))
    assert [info.session_id for info in elsewhere.sessions] == [opened[53 - 8]]
    with pytest.raises(acp.RequestError) as refused:
        await later.connection.list_sessions(cursor="no cursor of ours")
    assert refused.value.code == -32602


async def test_a_session_nobody_spoke_in_is_listed_live_and_leaves_no_trace(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    assert [info.session_id for info in (await editor.connection.list_sessions()).sessions] == [session.id]
    later = await open_editor()
    assert (await later.connection.list_sessions()).sessions == []


async def test_a_closed_session_takes_no_prompt_until_it_is_loaded_again(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    await session.ask("hi")
    await editor.connection.close_session(session.id)
    with pytest.raises(acp.RequestError) as refused:
        await session.ask("still there?")
    assert session.id in str(refused.value)
    with pytest.raises(acp.RequestError):
        await editor.connection.close_session(session.id)
    again = await editor.load(session.id)
    assert await again.ask("back") == "end_turn"


async def test_closing_a_session_cancels_what_runs_and_what_waits(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: begun\nwait")
    session = await editor.open()
    running = session.begin("one")
    await session.seen("agent_message_chunk")
    waiting = session.begin("two")
    await session.agent.seen_from_client("session/prompt", times=2)
    await editor.connection.close_session(session.id)
    assert [await running.result(), await waiting.result()] == ["cancelled", "cancelled"]


async def test_a_deleted_session_is_gone_for_good(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok\nwhen: stall\nwait")
    session = await editor.open()
    await session.ask("hi")
    busy = await editor.open()
    turn = busy.begin("stall")
    await busy.seen("session_info_update")
    for one in (session, busy):
        for _ in range(2):
            await editor.agent_request("session/delete", {"sessionId": one.id})
    assert await turn.result() == "cancelled"
    await editor.agent_request("session/delete", {"sessionId": "sess_unknown"})
    assert (await editor.connection.list_sessions()).sessions == []
    for attempt in (editor.load, (await open_editor()).load):
        with pytest.raises(acp.RequestError) as refused:
            await attempt(session.id)
        assert refused.value.code == -32002


async def test_unknown_sessions_are_refused_everywhere(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    connection = editor.connection
    cwd = str(stage.cwd)
    for session_id in (
        "sess_unknown",
        "",
        "../../etc/passwd",
        "a\0b",
        "'; drop table sessions; --",
        "x" * 100_000,
    ):
        for attempt in (
            lambda one=session_id: connection.load_session(cwd, one, []),
            lambda one=session_id: connection.resume_session(one, cwd, mcp_servers=[]),
            lambda one=session_id: connection.close_session(one),
            lambda one=session_id: connection.prompt(one, [acp.text_block("hi")]),
            lambda one=session_id: connection.set_session_mode(one, "plan"),
        ):
            with pytest.raises(acp.RequestError) as refused:
                await attempt()
            assert refused.value.code in (-32002, -32602)


async def test_loading_a_live_session_replays_it_and_goes_on(open_editor: OpenEditor) -> None:
    editor = await open_editor(WORK)
    session = await editor.open()
    await session.ask("do the work")
    seen = drawn(session.updates())
    position = len(session.updates())
    again = await editor.load(session.id)
    assert without_user(drawn(again.updates()[position:])) == seen
    assert await again.ask("again") == "end_turn"


async def test_loading_a_session_while_its_turn_runs_loses_and_repeats_nothing(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(
        in_order('say: Before.\ncall: bash {"command": "touch ran"}', "flood: 300\nsay: after.", "say: ok")
    )
    editor.answer = "never"
    session = await editor.open()
    turn = session.begin("go")
    question = await editor.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
    position = len(session.updates())
    await editor.load(session.id)
    editor.answer = "allow_once"
    await editor.agent.write(
        {
            "jsonrpc": "2.0",
            "id": question["id"],
            "result": {"outcome": {"outcome": "selected", "optionId": "allow_once"}},
        }
    )
    assert await turn.result() == "end_turn"
    view = drawn(session.updates()[position:])
    texts = [entry["text"] for entry in view if entry.get("kind") == "agent_message_chunk"]
    assert texts == ["Before.", "".join(f"w{n} " for n in range(300)) + "after."]
    [call] = [entry for entry in view if entry.get("sessionUpdate") == "tool_call"]
    assert call["status"] == "completed"
    assert "title" in call


async def test_loading_a_session_while_its_answer_streams_shows_every_word_once(
    open_editor: OpenEditor,
) -> None:
    words = " ".join(f"w{number}" for number in range(1000))
    editor = await open_editor(f"say: {words}")
    session = await editor.open()
    turn = session.begin("talk")
    await session.seen("agent_message_chunk")
    n_loads = 10
    for _ in range(n_loads):
        await editor.load(session.id)
    assert await turn.result() == "end_turn"
    # A view begins with the replayed prompt; what came before that still belongs to the view before.
    updates = session.updates()
    starts = [i for i, update in enumerate(updates) if update["sessionUpdate"] == "user_message_chunk"]
    assert len(starts) == n_loads
    views = [updates[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    texts = [
        "".join(
            update["content"]["text"] for update in view if update["sessionUpdate"] == "agent_message_chunk"
        )
        for view in views
    ]
    assert [text for text in texts if not words.startswith(text)] == []
    assert texts[-1] == words


async def killed(editor: Editor) -> None:
    editor.agent.expected_exit = None
    editor.agent.may_leave_unanswered = True
    editor.agent.process.kill()
    await editor.agent.wait_exit()


async def test_a_killed_agent_has_stored_finished_turns_and_the_prompt(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model(
        "say: The start of it\nwait\nwhen: first\nsay: first answer\nwhen: proceed\nsay: going on", service
    )
    editor = await open_editor()
    session = await editor.open()
    assert await session.ask("first") == "end_turn"
    turn = session.begin("second")
    await session.agent.seen(lambda _: "The start of it" in session.text())
    # What was streamed may be lost for a quarter of a second; a recorded fact stores it at once.
    await editor.connection.set_session_mode(session.id, "auto")
    await killed(editor)
    with pytest.raises(ConnectionError):
        await turn.result()

    later = await open_editor()
    again = await later.load(session.id)
    seen = drawn(session.updates())
    assert without_user(drawn(again.updates())) == seen
    assert [
        entry["text"] for entry in drawn(again.updates()) if entry.get("kind") == "user_message_chunk"
    ] == [
        "first",
        "second",
    ]
    assert await again.ask("proceed") == "end_turn"
    sent = conversation(model.requests[-1])
    assert all(part in sent for part in ("first answer", "second", "The start of it"))


async def test_an_agent_killed_in_a_command_finds_the_call_failed(
    stage: Stage, open_editor: OpenEditor
) -> None:
    await stage.model('call: bash {"command": "sleep 600"}\ncall: ls {}\nwhen: proceed\nsay: going on')
    editor = await open_editor(env={"ACP_AGENT_MODE": "auto"})
    session = await editor.open()
    turn = session.begin("run")
    await session.seen("tool_call_update", status="in_progress")
    await killed(editor)
    with pytest.raises(ConnectionError):
        await turn.result()

    again = await (await open_editor()).load(session.id)
    assert [one["status"] for one in again.calls()] == ["failed", "failed"]  # the second never began
    assert await again.ask("proceed") == "end_turn"


async def test_two_agents_share_one_store(stage: Stage, open_editor: OpenEditor) -> None:
    first, second = await open_editor("say: ok"), await open_editor()
    sessions: list[Conversation] = [await first.open(), await second.open()]
    turns = [session.begin(f"prompt {number}") for number in range(5) for session in sessions]
    assert [await turn.result() for turn in turns] == ["end_turn"] * 10
    for editor in (first, second):
        listed = {info.session_id for info in (await editor.connection.list_sessions()).sessions}
        assert listed == {session.id for session in sessions}
