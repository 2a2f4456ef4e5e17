"""What servers ask of the user, and what they are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import msgspec
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import question as asking
from acp_agent.ports import ServerContext
from acp_agent.tools.mcp.elicitation import Unaskable, form_fields
from acp_agent.tools.mcp.server import McpSource
from tests.tools.mcp_stage import CONTEXT, offered, raw, running, said, until

ASKS = """
pending = {}
def serve_asking(params):
    def call(name, args):
        send(id="q1", method="elicitation/create", params=params)
        answer = json.loads(sys.stdin.readline())
        while answer.get("id") != "q1":
            answer = json.loads(sys.stdin.readline())
        if params["mode"] == "url" and answer.get("result", {}).get("action") == "accept":
            send(method="notifications/elicitation/complete", params={"elicitationId": "e1"})
        return text(json.dumps(answer.get("result", answer.get("error"))))
    serve([tool("t")], call)
"""

FORM = """
serve_asking({"mode": "form", "message": "Deploy\\x1b[2J where?", "requestedSchema": {
    "type": "object", "required": ["place"],
    "properties": {"place": {"type": "string", "enum": ["here", "there"]}, "tags": {
        "type": "array", "items": {"anyOf": [{"const": "a", "title": "Alpha"}, {"const": "b"}]}}}}})
"""
PAGE = (
    'serve_asking({"mode": "url", "message": "Log in", "url": "https://x.example/", "elicitationId": "e1"})'
)


class User:
    """Answers every question alike; None is a user who thinks forever."""

    def __init__(self, answer: asking.Answer | None) -> None:
        self.answer = answer
        self.questions: list[asking.Question] = []
        self.withdrawn = False

    async def ask(self, question: asking.Question) -> asking.Answer:
        self.questions.append(question)
        if self.answer is not None:
            return self.answer
        try:
            await anyio.sleep_forever()
        finally:
            self.withdrawn = True
        return asking.Dismissed()


@asynccontextmanager
async def asking_server(program: str, cwd: Path, visited: list[str]) -> AsyncGenerator[McpSource]:
    source = McpSource(raw(ASKS + program), ServerContext(cwd, visited=visited.append))
    async with running(source):
        assert source.failure is None
        yield source


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            asking.Accepted({"place": "here", "tags": ("a", "b"), "other": "x"}),
            '{"action": "accept", "content": {"place": "here", "tags": ["a", "b"]}}',
        ),
        (asking.Declined(), '{"action": "decline"}'),
        (asking.Dismissed(), '{"action": "cancel"}'),
        (asking.NOBODY_TO_ASK, '{"action": "decline"}'),
    ],
)
async def test_a_form_is_put_to_the_user_and_answered(
    answer: asking.Answer, told: str, tmp_path: Path
) -> None:
    user = User(answer)
    async with asking_server(FORM, tmp_path, []) as source:
        assert await said(source, "t", {}, msgspec.structs.replace(CONTEXT, ask=user.ask)) == told
    assert user.questions == [
        asking.Form(
            "MCP server `raw` asks: Deploy where?",
            (
                asking.OneField(
                    name="place",
                    required=True,
                    options=(asking.Option("here", "here"), asking.Option("there", "there")),
                ),
                asking.ManyField(name="tags", options=(asking.Option("a", "Alpha"), asking.Option("b", "b"))),
            ),
        )
    ]


async def test_a_page_is_opened_with_consent_and_its_end_is_told(tmp_path: Path) -> None:
    user, visited = User(asking.Accepted()), list[str]()
    async with asking_server(PAGE, tmp_path, visited) as source:
        context = msgspec.structs.replace(CONTEXT, ask=user.ask)
        assert await said(source, "t", {}, context) == '{"action": "accept"}'
        await until(lambda: bool(visited))
    (question,) = user.questions
    assert isinstance(question, asking.Visit)
    assert (question.url, [question.id]) == ("https://x.example/", visited)


async def test_a_question_is_withdrawn_with_the_call_it_came_from(tmp_path: Path) -> None:
    user = User(None)
    async with asking_server(FORM, tmp_path, []) as source, anyio.create_task_group() as tasks:
        context = msgspec.structs.replace(CONTEXT, ask=user.ask)
        tasks.start_soon(said, source, "t", cast("JsonObject", {}), context)
        await until(lambda: bool(user.questions))
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await until(lambda: user.withdrawn)


async def test_a_form_that_is_none_is_an_error_and_nobody_is_asked(tmp_path: Path) -> None:
    user = User(asking.Accepted())
    nested = (
        'serve_asking({"mode": "form", "message": "?", "requestedSchema": {"type": "object", "properties": '
    )
    program = nested + '{"a": {"type": "object"}}}})'
    async with asking_server(program, tmp_path, []) as source:
        answer = await said(source, "t", {}, msgspec.structs.replace(CONTEXT, ask=user.ask))
    assert "-32602" in answer
    assert user.questions == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (asking.Accepted(), "sent the user to a page first; repeat the call when they say"),
        (asking.Declined(), "wants the user to open a page first, and they did not: Log in"),
    ],
)
async def test_a_call_that_needs_a_page_first_sends_the_user_there(
    answer: asking.Answer, told: str, tmp_path: Path
) -> None:
    program = """
def call(name, args):
    page = {"mode": "url", "message": "Log in", "url": "https://example.org/x", "elicitationId": "e1"}
    return {"code": -32042, "message": "first log in", "data": {"elicitations": [page]}}
serve([tool("t")], call)
"""
    user = User(answer)
    async with asking_server(program, tmp_path, []) as source:
        with pytest.raises(ToolError, match=told):
            await offered(source, "t").run({}, msgspec.structs.replace(CONTEXT, ask=user.ask))
    (question,) = user.questions
    assert isinstance(question, asking.Visit)


def test_every_plain_type_becomes_a_field() -> None:
    schema: JsonObject = {
        "type": "object",
        "required": ["text"],
        "properties": {
            "text": {"type": "string", "title": "T", "description": "D", "minLength": 1, "maxLength": 9},
            "mail": {"type": "string", "format": "email", "default": "a@b", "pattern": ".*"},
            "odd": {"type": "string", "format": "odd", "minLength": True},
            "n": {"type": "number", "minimum": 0.5, "maximum": 2, "default": 1},
            "i": {"type": "integer", "minimum": 0, "maximum": 3, "default": 1},
            "yes": {"type": "boolean", "default": True},
            "old": {"type": "string", "enum": ["r", "g"], "enumNames": ["Red", "Green"], "default": "g"},
            "new": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}]},
            "many": {
                "type": "array",
                "items": {"enum": ["a"]},
                "minItems": 1,
                "maxItems": 2,
                "default": ["a"],
            },
        },
    }
    red, green = asking.Option("r", "Red"), asking.Option("g", "Green")
    assert form_fields(schema) == (
        asking.TextField(name="text", title="T", description="D", required=True, min_length=1, max_length=9),
        asking.TextField(name="mail", format="email", default="a@b", pattern=".*"),
        asking.TextField(name="odd"),
        asking.NumberField(name="n", minimum=0.5, maximum=2, default=1),
        asking.IntegerField(name="i", minimum=0, maximum=3, default=1),
        asking.SwitchField(name="yes", default=True),
        asking.OneField(name="old", options=(red, green), default="g"),
        asking.OneField(name="new", options=(red,)),
        asking.ManyField(
            name="many", options=(asking.Option("a", "a"),), min_items=1, max_items=2, default=("a",)
        ),
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": []},
        {"properties": {"a": 1}},
        {"properties": {"a": {"type": "null"}}},
        {"properties": {"a": {"type": "array"}}},
        {"properties": {f"f{n}": {"type": "string"} for n in range(51)}},
    ],
)
def test_other_schemas_are_refused(schema: JsonObject) -> None:
    with pytest.raises(Unaskable):
        form_fields(schema)
