"""Questions as a client gets them: forms, pages, or choices, as far as it offered them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
import pytest

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import question as asking
from acp_agent.rpc.errors import RpcError, method_not_found
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer, object_params
from acp_agent.surface.errors import to_rpc
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.asker import ClientAsker
from acp_agent.testing.wire_schema import WireSchema
from tests.patience import PATIENCE

SCHEMA = WireSchema()
ALL = ClientOffer(forms=True, visits=True)
NOTHING = ClientOffer()
SESSION, CALL = SessionId("s"), ToolCallId("c")

Answer: TypeAlias = "JsonValue | RpcError"

FRUIT = asking.OneField(
    name="fruit",
    title="Which fruit?",
    options=(asking.Option("a", "Apple"), asking.Option("p", "Pear" + "r" * 100)),
)
NOTE = asking.TextField(name="note", title="Note")
FORM = asking.Form(
    "Tell me",
    (
        asking.TextField(
            name="text",
            title="Text",
            description="Some text",
            required=True,
            min_length=1,
            max_length=9,
            pattern="^a",
            format="email",
            default="x",
        ),
        asking.NumberField(name="number", minimum=0.5, maximum=1.5, default=1.0),
        asking.IntegerField(name="integer", minimum=1, maximum=3, default=2),
        asking.SwitchField(name="switch", default=False),
        asking.OneField(name="one", options=(asking.Option("a", "A"),), default="a"),
        asking.ManyField(
            name="many", options=(asking.Option("a", "A"),), min_items=0, max_items=1, default=("a",)
        ),
    ),
)
VISIT = asking.Visit("Log in", "https://example.org/login", "visit_1")


class User:
    """The client's user, who answers in order; `asked` has every request, each checked against the schema."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, JsonObject]] = []
        self.complete: list[JsonValue] = []
        self.answers = list(answers)
        self.hangs = False
        self.withdrawn = anyio.Event()
        self.waiting = anyio.Event()

    def admit(self, method: str, params: JsonValue) -> Handler:
        kind = "notification" if method == "elicitation/complete" else "request"
        row = SCHEMA.find(kind, "client", method)
        assert row is not None, method
        assert SCHEMA.violations(row.params, params) == []
        assert SCHEMA.surplus(row.params, params, nulls=True) == []
        return self._answer

    async def _answer(self, call: Call) -> JsonValue:
        if call.method == "elicitation/complete":
            self.complete.append(object_params(call.params)["elicitationId"])
            return None
        self.asked.append((call.method, object_params(call.params)))
        if self.hangs:
            self.waiting.set()
            try:
                await anyio.sleep_forever()
            finally:
                self.withdrawn.set()
        answer = self.answers.pop(0)
        if isinstance(answer, RpcError):
            raise answer
        return answer


@asynccontextmanager
async def asker_of(user: User, offer: ClientOffer) -> AsyncGenerator[tuple[ClientAsker, Callable[[], None]]]:
    """The asker, and a way to lose the client."""
    ours, theirs = memory_transport_pair()
    agent = Peer(ours, admission=User().admit, error_from=to_rpc)
    client = Peer(theirs, admission=user.admit, error_from=to_rpc)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            served = anyio.CancelScope()

            async def serve() -> None:
                with served:
                    await client.serve()

            tasks.start_soon(agent.serve)
            tasks.start_soon(serve)
            yield ClientAsker(agent, offer), served.cancel
            tasks.cancel_scope.cancel()


async def ask(
    question: asking.Question, user: User, offer: ClientOffer = ALL, call_id: ToolCallId | None = CALL
) -> asking.Answer:
    async with asker_of(user, offer) as (asker, _):
        return await asker.ask(SESSION, call_id, question)


def chosen(option_id: str) -> JsonObject:
    return {"outcome": {"outcome": "selected", "optionId": option_id}}


async def test_a_form_is_sent_with_everything_known_of_its_fields() -> None:
    user = User({"action": "accept", "content": {"text": "a@b", "many": ["a"], "number": 1.25}})
    answer = await ask(FORM, user)
    assert answer == asking.Accepted({"text": "a@b", "many": ("a",), "number": 1.25})
    option = [{"const": "a", "title": "A"}]
    assert user.asked == [
        (
            "elicitation/create",
            {
                "mode": "form",
                "sessionId": "s",
                "toolCallId": "c",
                "message": "Tell me",
                "requestedSchema": {
                    "type": "object",
                    "required": ["text"],
                    "properties": {
                        "text": {
                            "type": "string",
                            "title": "Text",
                            "description": "Some text",
                            "minLength": 1,
                            "maxLength": 9,
                            "pattern": "^a",
                            "format": "email",
                            "default": "x",
                        },
                        "number": {"type": "number", "minimum": 0.5, "maximum": 1.5, "default": 1.0},
                        "integer": {"type": "integer", "minimum": 1, "maximum": 3, "default": 2},
                        "switch": {"type": "boolean", "default": False},
                        "one": {"type": "string", "oneOf": option, "default": "a"},
                        "many": {
                            "type": "array",
                            "items": {"anyOf": option},
                            "minItems": 0,
                            "maxItems": 1,
                            "default": ["a"],
                        },
                    },
                },
            },
        )
    ]


async def test_a_question_outside_any_call_belongs_to_the_session_alone() -> None:
    user = User({"action": "decline"})
    assert await ask(asking.Form("Sure?"), user, call_id=None) == asking.Declined()
    assert "toolCallId" not in user.asked[0][1]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ({"action": "accept"}, asking.Accepted()),
        ({"action": "accept", "content": None}, asking.Accepted()),
        (
            {"action": "accept", "content": {"a": None, "b": {"c": 1}, "d": True}},
            asking.Accepted({"d": True}),
        ),
        ({"action": "decline"}, asking.Declined()),
        ({"action": "cancel"}, asking.Dismissed()),
        ({"action": "_later"}, asking.Dismissed()),
        ({}, asking.Dismissed()),
        ([], asking.Dismissed()),
        (method_not_found("elicitation/create"), asking.NOBODY_TO_ASK),
    ],
    ids=str,
)
async def test_every_reply_has_one_meaning(reply: Answer, answer: asking.Answer) -> None:
    assert await ask(FORM, User(reply)) == answer


async def test_a_page_is_sent_with_its_address_and_completed_once() -> None:
    user = User({"action": "accept"})
    async with asker_of(user, ALL) as (asker, _):
        assert await asker.ask(SESSION, CALL, VISIT) == asking.Accepted()
        asker.visited("visit_1")
        asker.visited("visit_1")
        asker.visited("visit_of_somebody_else")
        user.answers.append({"action": "decline"})
        await asker.ask(SESSION, CALL, asking.Form("so that what was sent before is there"))
    assert user.asked[0] == (
        "elicitation/create",
        {
            "mode": "url",
            "sessionId": "s",
            "toolCallId": "c",
            "message": "Log in",
            "url": "https://example.org/login",
            "elicitationId": "visit_1",
        },
    )
    assert user.complete == ["visit_1"]


async def test_a_page_the_user_did_not_open_is_never_complete() -> None:
    user = User({"action": "decline"}, {"action": "decline"})
    async with asker_of(user, ALL) as (asker, _):
        assert await asker.ask(SESSION, CALL, VISIT) == asking.Declined()
        asker.visited("visit_1")
        await asker.ask(SESSION, CALL, asking.Form("so that what was sent before is there"))
    assert user.complete == []


@pytest.mark.parametrize(
    ("question", "offer"),
    [(FORM, ClientOffer(visits=True)), (VISIT, ClientOffer(forms=True)), (FORM, NOTHING), (VISIT, NOTHING)],
    ids=str,
)
async def test_what_the_client_did_not_offer_is_not_sent(
    question: asking.Question, offer: ClientOffer
) -> None:
    user = User()
    assert isinstance(await ask(question, user, offer), asking.Unavailable)
    assert user.asked == []


async def test_without_pages_the_model_is_told_the_address() -> None:
    answer = await ask(VISIT, User(), ClientOffer(forms=True))
    assert isinstance(answer, asking.Unavailable)
    assert "https://example.org/login" in answer.why


async def test_without_forms_choices_are_asked_as_permission_is() -> None:
    user = User(chosen("choice_1"))
    answer = await ask(asking.Form("Lunch", (FRUIT, NOTE)), user, NOTHING)
    assert answer == asking.Accepted({"fruit": "p"})
    label = "Pear" + "r" * 100
    assert user.asked == [
        (
            "session/request_permission",
            {
                "sessionId": "s",
                "toolCall": {
                    "toolCallId": "c",
                    "title": "Which fruit?",
                    "content": [
                        {
                            "type": "content",
                            "content": {
                                "type": "text",
                                "text": f"Lunch\n\nWhich fruit?\n\n- Apple\n- {label}",
                            },
                        }
                    ],
                },
                "options": [
                    {"optionId": "choice_0", "name": "Apple", "kind": "allow_once"},
                    {"optionId": "choice_1", "name": label[:59] + "…", "kind": "allow_once"},
                    {"optionId": "decline", "name": "Skip", "kind": "reject_once"},
                ],
            },
        )
    ]


async def test_several_choices_are_asked_one_after_another() -> None:
    switch = asking.SwitchField(name="sure", required=True)
    many = asking.ManyField(name="many", options=FRUIT.options)
    user = User(chosen("choice_0"), chosen("choice_1"), chosen("decline"))
    form = asking.Form("Lunch", (many, switch, FRUIT))
    assert await ask(form, user, NOTHING) == asking.Accepted({"many": ("a",), "sure": False})


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (chosen("choice_0"), asking.Accepted()),
        (chosen("decline"), asking.Declined()),
        (chosen("allow_always"), asking.Dismissed()),
        ({"outcome": {"outcome": "cancelled"}}, asking.Dismissed()),
        ({"outcome": "selected"}, asking.Dismissed()),
        (None, asking.Dismissed()),
    ],
    ids=str,
)
async def test_a_form_without_fields_is_a_yes_or_no(reply: Answer, answer: asking.Answer) -> None:
    assert await ask(asking.Form("Delete it all?"), User(reply), NOTHING) == answer


@pytest.mark.parametrize(
    "fields",
    [
        (asking.TextField(name="text", required=True),),
        (NOTE,),
        (asking.OneField(name="one", required=True, options=FRUIT.options * 7),),
        (asking.ManyField(name="many", required=True, min_items=2, options=FRUIT.options),),
    ],
    ids=str,
)
async def test_what_no_button_can_say_is_not_asked_with_buttons(fields: tuple[asking.Field, ...]) -> None:
    user = User()
    assert await ask(asking.Form("?", fields), user, NOTHING) == asking.NOBODY_TO_ASK
    assert user.asked == []


async def test_without_a_shown_call_there_is_nothing_to_put_buttons_below() -> None:
    user = User()
    assert await ask(asking.Form("?", (FRUIT,)), user, NOTHING, None) == asking.NOBODY_TO_ASK
    assert user.asked == []


@pytest.mark.parametrize(("question", "offer"), [(FORM, ALL), (VISIT, ALL), (asking.Form("?"), NOTHING)])
async def test_a_question_nobody_waits_for_is_withdrawn(
    question: asking.Question, offer: ClientOffer
) -> None:
    user = User()
    user.hangs = True
    async with asker_of(user, offer) as (asker, _):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asker.ask, SESSION, CALL, question)
            await user.waiting.wait()
            tasks.cancel_scope.cancel()
        await user.withdrawn.wait()


@pytest.mark.parametrize(("question", "offer"), [(FORM, ALL), (VISIT, ALL), (asking.Form("?"), NOTHING)])
async def test_a_client_that_is_gone_answers_nothing(question: asking.Question, offer: ClientOffer) -> None:
    user = User()
    user.hangs = True
    answers: list[asking.Answer] = []
    async with asker_of(user, offer) as (asker, lose_client):

        async def ask() -> None:
            answers.append(await asker.ask(SESSION, CALL, question))
            answers.append(await asker.ask(SESSION, CALL, question))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await user.waiting.wait()
            lose_client()
    gone = asking.Unavailable("The user's client is gone, so nobody can be asked.")
    assert answers == [gone, gone]
