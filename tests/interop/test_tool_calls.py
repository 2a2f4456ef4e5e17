"""Tool calls as the client sees them and as the model is told of them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


def call(name: str, **arguments: Any) -> str:
    return f"call: {name} {dump_text(arguments)}"


async def test_an_edit_is_announced_asked_about_run_and_answered_in_order(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    file = stage.cwd / "app.py"
    file.write_text("one\ntwo\nthree\n")
    edit = {"path": "app.py", "old_text": "two", "new_text": "2"}
    model = await stage.model(
        in_order(f"say: I edit.\n{call('edit', **edit)}", "say: Done: {result}"), service
    )
    session = await (await open_editor()).open()

    assert await session.ask("change two") == "end_turn"

    assert file.read_text() == "one\n2\nthree\n"
    [shown] = session.calls()
    call_id = shown["toolCallId"]
    assert session.statuses(call_id) == ["pending", "in_progress", "completed"]
    assert {key: shown[key] for key in ("title", "kind", "name", "rawInput", "locations")} == {
        "title": "Edit `app.py`",
        "kind": "edit",
        "name": "edit",
        "rawInput": edit,
        "locations": [{"path": str(file), "line": 2}],
    }
    assert shown["content"] == [
        {"type": "diff", "path": str(file), "oldText": "one\ntwo\nthree\n", "newText": "one\n2\nthree\n"}
    ]
    story = [
        frame.get("method") if frame.get("method") != "session/update" else update
        for _, frame in session.agent.log
        if "method" in frame
        and (update := frame["params"].get("update", {}).get("sessionUpdate")) != "agent_message_chunk"
    ]
    start = story.index("tool_call")
    assert [kind for kind, _ in groupby(story[start:])][:4] == [
        "tool_call",
        "tool_call_update",
        "session/request_permission",
        "tool_call_update",
    ]
    [question] = session.agent.frames("session/request_permission")
    assert question["toolCall"]["toolCallId"] == call_id
    assert question["toolCall"]["content"] == shown["content"]
    assert [option["kind"] for option in question["options"]] == [
        "allow_once",
        "allow_always",
        "reject_once",
        "reject_always",
    ]
    assert "edited `app.py` at line 2" in conversation(model.requests[1])
    assert session.text().startswith("I edit.Done: edited `app.py`")


async def test_every_reading_tool_runs_unasked_and_shows_what_the_model_reads(
    stage: Stage, open_editor: OpenEditor
) -> None:
    (stage.cwd / "src").mkdir()
    (stage.cwd / "src" / "a.py").write_text("import os\nneedle = 1\n")
    calls = [
        call("read", path="src/a.py", offset=2),
        call("ls", path="src"),
        call("glob", pattern="**/*.py"),
        call("grep", pattern="needle"),
    ]
    await stage.model(in_order("\n".join(calls), "say: ok"))
    session = await (await open_editor()).open()

    assert await session.ask("look around") == "end_turn"

    assert session.editor.questions == []
    shown = session.calls()
    assert [one["kind"] for one in shown] == ["read", "read", "search", "search"]
    assert [session.statuses(one["toolCallId"])[-1] for one in shown] == ["completed"] * 4
    texts = [one["content"][0]["content"]["text"] for one in shown]
    for text, expected in zip(
        texts, ("needle = 1", "a.py (21 bytes)", "src/a.py", "src/a.py:2:needle = 1"), strict=True
    ):
        assert expected in text
    assert shown[0]["locations"] == [{"path": str(stage.cwd / "src" / "a.py"), "line": 2}]
    assert all(
        path["path"].startswith("/") and path.get("line", 1) >= 1
        for one in shown
        for path in one["locations"]
    )


async def test_a_call_is_shown_from_the_first_piece_of_it_under_one_id(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    content = "line\n" * 200
    await stage.model(in_order(call("write", path="new.txt", content=content), "say: ok"), service)
    session = await (await open_editor()).open()
    assert await session.ask("write") == "end_turn"
    updates = [one for one in session.updates() if one["sessionUpdate"].startswith("tool_call")]
    assert len({one["toolCallId"] for one in updates}) == 1
    first, growing = updates[:2]
    assert {key: first[key] for key in ("sessionUpdate", "name", "title", "kind", "status")} == {
        "sessionUpdate": "tool_call",
        "name": "write",
        "title": "write",
        "kind": "edit",
        "status": "pending",
    }
    assert (growing["title"], growing["rawInput"]["path"]) == ("write: new.txt", "new.txt")
    assert content.startswith(growing["rawInput"]["content"])
    [shown] = session.calls()
    assert (shown["title"], shown["rawInput"]) == ("Write `new.txt`", {"path": "new.txt", "content": content})


async def test_a_client_that_draws_terminals_gets_one_for_our_own_command(stage: Stage) -> None:
    await stage.model(in_order(call("bash", command="echo drawn; exit 3"), "say: ok"))
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = await stage.raw(_meta={"terminal_output": True})
    session_id = await client.open(stage.cwd)
    await client.response(await client.prompt(session_id, "run"))
    updates = client.agent.updates(session_id)
    [made] = [one["_meta"]["terminal_info"] for one in updates if "terminal_info" in one.get("_meta", {})]
    assert made["cwd"] == str(stage.cwd)
    printed = [
        one["_meta"]["terminal_output"] for one in updates if "terminal_output" in one.get("_meta", {})
    ]
    assert "".join(one["data"] for one in printed).startswith("drawn\n")
    [ended] = [one["_meta"]["terminal_exit"] for one in updates if "terminal_exit" in one.get("_meta", {})]
    assert ended == {"terminal_id": made["terminal_id"], "exit_code": 3, "signal": None}
    assert {"type": "terminal", "terminalId": made["terminal_id"]} in [
        item for one in updates for item in one.get("content", []) if isinstance(one.get("content"), list)
    ]
    assert client.agent.calls("terminal/") == []


async def test_a_written_file_is_shown_as_a_diff_without_old_text(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(in_order(call("write", path="new/file.txt", content="hello\n"), "say: ok"))
    session = await editor.open()
    await session.ask("write it")
    file = stage.cwd / "new" / "file.txt"
    assert file.read_text() == "hello\n"
    [shown] = session.calls()
    assert shown["content"] == [{"type": "diff", "path": str(file), "newText": "hello\n"}]


async def test_a_command_shows_its_output_and_how_it_ended(stage: Stage, open_editor: OpenEditor) -> None:
    command = "echo to-out; echo to-err >&2; pwd; exit 3"
    model = await stage.model(in_order(call("bash", command=command), "say: ok"))
    session = await (await open_editor()).open()
    await session.ask("run it")
    [shown] = session.calls()
    assert (shown["kind"], shown["title"], shown["status"]) == ("execute", command, "failed")
    assert shown["rawOutput"]["exit_code"] == 3
    text = shown["content"][-1]["content"]["text"]
    assert all(part in text for part in ("to-out", "to-err", str(stage.cwd), "(exit code 3)"))
    assert "to-err" in conversation(model.requests[1])


async def test_commands_see_no_keys(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("bash", command="env | sort"), "say: ok"))
    session = await editor.open()
    await session.ask("run it")  # whatever is written to the wire, the stage looks for the key in it
    text = session.calls()[0]["content"][0]["content"]["text"]
    assert "PATH=" in text
    assert "API_KEY" not in text


async def test_the_todo_tool_updates_the_plan(open_editor: OpenEditor) -> None:
    entries: list[Frame] = [
        {"content": "look", "status": "completed", "priority": "high"},
        {"content": "change", "status": "in_progress"},
        {"content": "check"},
    ]
    editor = await open_editor(in_order(call("todo", entries=entries), "say: ok"))
    session = await editor.open()
    await session.ask("plan")
    plan = session.updates("plan")[0]
    assert plan["entries"] == [
        {"content": "look", "status": "completed", "priority": "high"},
        {"content": "change", "status": "in_progress", "priority": "medium"},
        {"content": "check", "status": "pending", "priority": "medium"},
    ]


async def test_calls_that_cannot_work_are_answered_and_the_turn_goes_on(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    wrong = [
        call("no_such_tool", x=1),
        "call-raw: read not json",
        'call-raw: read ["a list"]',
        call("read"),
        call("read", path="missing.txt"),
        call("edit", path="missing.txt", old_text="a", new_text="b"),
        call("bash", command="x", timeout=-1),
        "call-raw: bad name! {}",
    ]
    model = await stage.model(in_order("\n".join(wrong), "say: I see."), service)
    session = await (await open_editor()).open()
    assert await session.ask("try") == "end_turn"
    assert [one["status"] for one in session.calls()] == ["failed"] * len(wrong)
    assert session.editor.questions == []
    sent = conversation(model.requests[1])
    assert "There is no tool `no_such_tool`" in sent
    assert "missing.txt" in sent


async def test_a_call_cut_off_by_the_token_limit_is_not_run(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(
        in_order(f"say: partial\n{call('write', path='x', content='y')}\nstop: max_tokens", "say: next")
    )
    session = await editor.open()
    assert await session.ask("go") == "max_tokens"
    assert not (stage.cwd / "x").exists()
    assert await session.ask("go on") == "end_turn"
