"""Forks at a message, taken from journals as sessions write them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import MessageId, ToolCallId, TurnId
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.forking import events_up_to
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant, FromUser, Usage
from acp_agent.model.content import Text

NOW = datetime(2024, 5, 6, tzinfo=UTC)


async def stream(journal: list[events.Event]) -> AsyncIterator[events.Event]:
    for event in journal:
        yield event


def began(number: int) -> events.TurnStarted:
    return events.TurnStarted(TurnId(f"t{number}"), NOW)


def ended(number: int) -> events.TurnEnded:
    return events.TurnEnded(TurnId(f"t{number}"), "end_turn", NOW)


def said(name: str) -> events.UserSaid:
    return events.UserSaid(MessageId(name), (Text(name),))


def answered(name: str) -> events.TextChunk:
    return events.TextChunk(MessageId(name), name)


STEP = events.StepEnded("stop", Usage(), "m")
CALL = events.CallRequested(ToolCallId("c"), "read", {})
RESULT = events.CallAnswered(ToolCallId("c"), (Text("r"),), is_error=False)
JOURNAL: list[events.Event] = [
    *(began(1), events.TitleChanged("one", NOW), said("u1"), answered("a1"), answered("a1"), STEP, ended(1)),
    *(began(2), said("u2"), answered("a2"), CALL, STEP, RESULT, said("u3"), answered("a3"), STEP, ended(2)),
    *(began(3), said("u4"), answered("a4")),
]


@pytest.mark.parametrize(
    ("at", "n_events"),
    [
        ("u1", 0),  # before the turn, its title included
        ("a1", 7),  # with the end of the turn
        ("u2", 7),
        ("a2", 10),  # without the call that followed it
        ("u3", 13),  # said into the turn
        ("a3", 17),
        ("u4", 17),
        ("a4", 20),
    ],
)
async def test_what_the_model_said_is_kept_and_what_the_user_said_is_not(at: str, n_events: int) -> None:
    assert await events_up_to(stream(JOURNAL), MessageId(at)) == n_events


async def test_a_message_that_does_not_exist_is_refused_with_some_that_do() -> None:
    with pytest.raises(InvalidChoice) as caught:
        await events_up_to(stream(JOURNAL), MessageId("nobody"))
    assert caught.value.choices == ("u1", "a1", "u2", "a2", "u3", "a3", "u4", "a4")


@given(st.sampled_from(["u1", "a1", "u2", "a2", "u3", "a3", "u4", "a4"]), st.integers(0, len(JOURNAL)))
async def test_the_model_is_told_what_came_before_and_nothing_after(at: str, n_events: int) -> None:
    journal = JOURNAL[:n_events]
    try:
        kept = journal[: await events_up_to(stream(journal), MessageId(at))]
    except InvalidChoice:
        return
    transcript = Transcript()
    for event in kept:
        transcript.apply(event)
    told = [
        part.text
        for message in transcript.messages()
        if isinstance(message, FromUser | FromAssistant)
        for part in message.content
        if isinstance(part, Text)
    ]
    order = ["u1", "a1", "u2", "a2", "u3", "a3", "u4", "a4"]
    expected = order[: order.index(at) + at.startswith("a")]
    assert "".join(told).replace("a1a1", "a1") == "".join(expected)
