"""Questions to the user, from the model and from MCP servers, over the installed command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from acp import schema

from acp_agent.testing.model_server import in_order
from tests.interop.stage import Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

SERVER = schema.McpServerStdio(
    name="asking",
    command=sys.executable,
    args=[str(Path(__file__).with_name("asking_server.py"))],
    env=[],
)
ASK = (
    'call: ask_user {"questions": [{"question": "Tea or coffee?", '
    '"options": [{"label": "Tea"}, {"label": "Coffee"}]}]}'
)
DECLINE = schema.DeclineElicitationResponse(action="decline")
CANCEL = schema.CancelElicitationResponse(action="cancel")


def accept(**content: Any) -> schema.AcceptElicitationResponse:
    return schema.AcceptElicitationResponse(action="accept", content=content or None)


def call(tool: str, arguments: str = "{}") -> str:
    return f"call: mcp__asking__{tool} {arguments}"


async def test_the_models_question_is_a_form_of_its_call(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(ASK, "say: {result}"), forms=True)
    editor.form_answer = accept(answer_1="Coffee", answer_1_other="with milk")
    session = await editor.open()
    assert await session.ask("drinks") == "end_turn"
    [(message, mode)] = editor.forms
    [shown] = session.calls()
    assert message == "Tea or coffee?"
    assert isinstance(mode, schema.ElicitationFormSessionMode)
    assert (mode.session_id, mode.tool_call_id) == (session.id, shown["toolCallId"])
    assert (shown["title"], shown["status"]) == ("Tea or coffee?", "completed")
    assert "→ Coffee, with milk" in shown["content"][0]["content"]["text"]
    assert "→ Coffee, with milk" in session.text()
    assert editor.questions == []


@pytest.mark.parametrize(
    ("answer", "told"), [(DECLINE, "declined"), (CANCEL, "without an answer"), (None, "cannot be asked here")]
)
async def test_no_answer_is_told_to_the_model_and_the_turn_goes_on(
    stage: Stage, open_editor: OpenEditor, answer: object, told: str
) -> None:
    editor = await open_editor(in_order(ASK, "say: {result}"), forms=True)
    editor.form_answer = answer
    session = await editor.open()
    assert await session.ask("drinks") == "end_turn"
    assert told in session.text()


async def test_a_client_without_forms_chooses_as_it_gives_permission(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor(in_order(ASK, "say: {result}"))
    editor.answer = "choice_1"
    session = await editor.open()
    assert await session.ask("drinks") == "end_turn"
    assert [question.title for question in editor.questions] == ["Tea or coffee?"]
    assert "→ Coffee" in session.text()
    assert editor.forms == []


async def test_a_cancelled_turn_withdraws_its_question(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(f"{ASK}\nwhen: next\nsay: Fine.\n", forms=True)
    editor.form_answer = "never"
    session = await editor.open()
    turn = session.begin("drinks")
    asked = await editor.agent.seen(lambda frame: frame.get("method") == "elicitation/create")
    await session.cancel()
    assert await turn.result() == "cancelled"
    withdrawn = await editor.agent.seen(lambda frame: frame.get("method") == "$/cancel_request")
    assert withdrawn["params"] == {"requestId": asked["id"]}
    assert await session.ask("next") == "end_turn"


async def test_a_servers_form_reaches_the_user_under_its_name(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("order"), "say: {result}"), forms=True)
    editor.form_answer = accept(dish="soup", amount=3, hot=False)
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("food") == "end_turn"
    [(message, mode)] = editor.forms
    assert message == "MCP server `asking` asks: What would you like?"
    [shown] = session.calls()
    assert mode.tool_call_id == shown["toolCallId"]
    [asked] = editor.agent.frames("elicitation/create")
    assert asked["requestedSchema"]["properties"]["dish"]["oneOf"] == [
        {"const": "soup", "title": "soup"},
        {"const": "salad", "title": "salad"},
    ]
    assert asked["requestedSchema"]["required"] == ["dish", "amount"]
    assert session.text() == "3 soup False"


@pytest.mark.parametrize(("answer", "told"), [(DECLINE, "no order: decline"), (CANCEL, "no order: cancel")])
async def test_a_server_learns_that_the_user_did_not_want(
    stage: Stage, open_editor: OpenEditor, answer: object, told: str
) -> None:
    editor = await open_editor(in_order(call("order"), "say: {result}"), forms=True)
    editor.form_answer = answer
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("food") == "end_turn"
    assert session.text() == told


async def test_a_server_never_gets_values_that_do_not_fit(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("order"), "say: {result}"), forms=True)
    editor.form_answer = accept(dish="pizza", amount=300)
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("food") == "end_turn"
    assert len(editor.forms) == 2
    assert editor.forms[1][0].startswith("“Dish” must be one of the options.")
    assert session.text() == "no order: decline"


async def test_a_servers_yes_or_no_needs_no_forms(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("sure"), "say: {result}"))
    editor.answer = "choice_0"
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("sure?") == "end_turn"
    assert session.text() == "sure: True"


async def test_a_form_for_a_password_never_reaches_the_user(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order(call("log_in"), "say: {result}"), forms=True)
    editor.form_answer = accept(password="hunter2")
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("log in") == "end_turn"
    assert editor.forms == []
    assert "logged in: accept" not in session.text()


async def test_a_page_is_shown_whole_and_its_end_is_told(stage: Stage, open_editor: OpenEditor) -> None:
    url = "https://example.org/login?a=b"
    editor = await open_editor(
        in_order(call("open_page", f'{{"url": "{url}"}}'), "say: {result}"), forms=True
    )
    editor.form_answer = accept()
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("page") == "end_turn"
    [(message, mode)] = editor.forms
    assert isinstance(mode, schema.ElicitationUrlSessionMode)
    assert str(mode.url) == url
    assert message == (
        f"MCP server `asking` asks: Log in there\n\nPage to open: {url}\nIt is at: example.org"
    )
    complete = await editor.agent.seen(lambda frame: frame.get("method") == "elicitation/complete")
    assert complete["params"] == {"elicitationId": mode.elicitation_id}
    assert session.text() == "page: accept"


async def test_nobody_is_sent_to_a_page_without_encryption(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(
        in_order(call("open_page", '{"url": "http://example.org/"}'), "say: {result}"), forms=True
    )
    editor.form_answer = accept()
    session = await editor.open(mcp_servers=[SERVER])
    assert await session.ask("page") == "end_turn"
    assert editor.forms == []
    assert session.text() == "page: decline"
