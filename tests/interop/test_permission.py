"""Who is asked, what the answer does, how long it is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import acp
import pytest

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Garbage, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

TOUCH = 'call: bash {"command": "touch ran"}'
GARBAGE: list[Any] = [
    None,
    [],
    "allow_once",
    7,
    True,
    {},
    {"outcome": None},
    {"outcome": "selected"},
    {"outcome": "allow_once"},
    {"outcome": {}},
    {"outcome": []},
    {"outcome": {"optionId": "allow_once"}},
    {"outcome": {"outcome": "selected"}},
    {"outcome": {"outcome": "selected", "optionId": None}},
    {"outcome": {"outcome": "selected", "optionId": "ALLOW_ONCE"}},
    {"outcome": {"outcome": "selected", "optionId": "allow_once "}},
    {"outcome": {"outcome": "selected", "optionId": ["allow_once"]}},
    {"outcome": {"outcome": "selected", "optionId": True}},
    {"outcome": {"outcome": "selected", "option_id": "allow_once"}},
    {"outcome": {"outcome": "Selected", "optionId": "allow_once"}},
    {"outcome": {"outcome": "allowed", "optionId": "allow_once"}},
    {"outcome": {"outcome": "cancelled", "optionId": "allow_once"}},
    {"outcome": [{"outcome": "selected", "optionId": "allow_once"}]},
    {"result": {"outcome": {"outcome": "selected", "optionId": "allow_once"}}},
    {"optionId": "allow_once", "outcome": "selected"},
]


async def test_allow_once_is_asked_again_next_time(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(TOUCH, TOUCH, "say: ok"))
    session = await editor.open()
    assert await session.ask("twice") == "end_turn"
    assert len(editor.questions) == 2
    assert (stage.cwd / "ran").exists()


async def test_allow_always_is_remembered_also_by_a_new_process(
    stage: Stage, open_editor: OpenEditor
) -> None:
    other = 'call: bash {"command": "touch other"}'
    script = f"{TOUCH}\n---\n{TOUCH}\n---\nsay: ok\nwhen: other\n{other}\n---\nsay: ok"
    editor = await open_editor(script)
    editor.answer = "allow_always"
    session = await editor.open()
    await session.ask("twice")
    assert len(editor.questions) == 1
    await session.close()

    later = await open_editor()
    later.answer = "reject_once"
    again = await later.load(session.id)
    await again.ask("and twice again")
    assert later.questions == []
    await again.ask("the other command")
    assert len(later.questions) == 1
    assert not (stage.cwd / "other").exists()


async def test_reject_once_tells_the_model_and_the_turn_goes_on(
    stage: Stage, open_editor: OpenEditor
) -> None:
    model = await stage.model(in_order(TOUCH, "say: Understood."))
    editor = await open_editor()
    editor.answer = "reject_once"
    session = await editor.open()
    assert await session.ask("do it") == "end_turn"
    assert not (stage.cwd / "ran").exists()
    assert session.statuses(session.calls()[0]["toolCallId"]) == ["pending", "failed"]
    assert "The user rejected this call" in conversation(model.requests[1])
    assert session.text() == "Understood."


async def test_reject_always_is_not_asked_again(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(TOUCH, TOUCH, "say: ok"))
    editor.answer = "reject_always"
    session = await editor.open()
    assert await session.ask("twice") == "end_turn"
    assert len(editor.questions) == 1
    assert not (stage.cwd / "ran").exists()
    assert [one["status"] for one in session.calls()] == ["failed", "failed"]


@pytest.mark.parametrize("answer", ["cancelled", acp.RequestError.internal_error({"why": "a bug"})])
async def test_no_answer_or_an_error_is_a_no(stage: Stage, open_editor: OpenEditor, answer: object) -> None:
    editor = await open_editor(in_order(TOUCH, "say: ok"))
    editor.answer = answer
    session = await editor.open()
    assert await session.ask("do it") == "end_turn"
    assert not (stage.cwd / "ran").exists()
    assert "did not approve" in conversation(stage.models[0].requests[1])


async def test_garbage_is_a_no(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(TOUCH, "say: ok", *([TOUCH, "say: ok"] * len(GARBAGE))))
    session = await editor.open()
    for garbage in GARBAGE:
        editor.answer = Garbage(garbage)
        assert await session.ask("do it") == "end_turn"
        assert (garbage, (stage.cwd / "ran").exists()) == (garbage, False)
    assert len(editor.questions) == len(GARBAGE)


async def test_modes_decide_what_is_asked(stage: Stage, open_editor: OpenEditor) -> None:
    asked_in = {"ask": ["edit", "execute"], "accept-edits": ["execute"], "auto": [], "plan": []}
    calls = 'call: write {"path": "written", "content": "x"}\n' + TOUCH
    editor = await open_editor(in_order(*[calls, "say: ok"] * len(asked_in)))
    for mode, asked in asked_in.items():
        session = await editor.open()
        await editor.connection.set_session_mode(session.id, mode)
        editor.questions.clear()
        assert await session.ask("both") == "end_turn"
        assert (mode, [question.kind for question in editor.questions]) == (mode, asked)
        for name in ("written", "ran"):
            assert (stage.cwd / name).exists() is (mode != "plan")
            (stage.cwd / name).unlink(missing_ok=True)
    assert "Plan mode is read-only" in conversation(stage.models[0].requests[-1])


async def test_the_configured_mode_is_the_one_sessions_start_in(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(in_order(TOUCH, "say: ok"), env={"ACP_AGENT_MODE": "auto"})
    session = await editor.open()
    await session.ask("run")
    assert editor.questions == []
    assert (stage.cwd / "ran").exists()


async def test_a_mode_set_either_way_is_told_both_ways(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    await editor.connection.set_session_mode(session.id, "plan")
    assert [update["currentModeId"] for update in session.updates("current_mode_update")] == ["plan"]
    [first] = session.updates("config_option_update")
    values = {option["id"]: option["currentValue"] for option in first["configOptions"]}
    assert (values["mode"], values["model"]) == ("plan", "openai/test-model")

    answer = await editor.connection.set_config_option("mode", session.id, "auto")
    assert [update["currentModeId"] for update in session.updates("current_mode_update")] == ["plan", "auto"]
    options = [option.model_dump(by_alias=True, exclude_none=True) for option in answer.config_options]
    told = session.updates("config_option_update")[-1]["configOptions"]
    assert [(one["id"], one["currentValue"]) for one in options] == [
        (one["id"], one["currentValue"]) for one in told
    ]
    assert [option["value"] for option in told[0]["options"]] == ["ask", "accept-edits", "plan", "auto"]


async def test_modes_and_options_that_do_not_exist_are_refused(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    connection = editor.connection
    for attempt in (
        lambda: connection.set_session_mode(session.id, "yolo"),
        lambda: connection.set_config_option("mode", session.id, "yolo"),
        lambda: connection.set_config_option("colour", session.id, "red"),
        lambda: connection.set_config_option("mode", session.id, True),
        lambda: connection.set_config_option("model", session.id, "openai/no-such-model"),
    ):
        with pytest.raises(acp.RequestError) as refused:
            await attempt()
        assert refused.value.code == -32602
    assert session.updates() == []


async def test_a_mode_changed_during_a_turn_holds_for_its_next_call(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(in_order(TOUCH, 'call: bash {"command": "touch second"}', "say: ok"))
    editor.answer = "never"
    session = await editor.open()
    turn = session.begin("both")
    question = await editor.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
    await editor.connection.set_session_mode(session.id, "auto")
    await editor.agent.write(
        {
            "jsonrpc": "2.0",
            "id": question["id"],
            "result": {"outcome": {"outcome": "selected", "optionId": "reject_once"}},
        }
    )
    assert await turn.result() == "end_turn"
    assert len(editor.questions) == 1
    assert (stage.cwd / "second").exists()


async def test_files_that_control_other_programs_are_asked_about_in_every_mode(
    stage: Stage, open_editor: OpenEditor
) -> None:
    paths = [".git/hooks/pre-commit", ".VSCode/tasks.json", "sub/.envrc", "AGENTS.md"]
    calls = [f"call: write {dump_text({'path': path, 'content': 'x'})}" for path in paths]
    editor = await open_editor(in_order("\n".join(calls), "say: ok"), env={"ACP_AGENT_MODE": "auto"})
    editor.answer = "reject_once"
    session = await editor.open()
    await session.ask("write them")
    assert len(editor.questions) == len(paths)
    assert not any((stage.cwd / path).exists() for path in paths)
    for question in editor.agent.frames("session/request_permission"):
        assert [option["kind"] for option in question["options"]] == ["allow_once", "reject_once"]
