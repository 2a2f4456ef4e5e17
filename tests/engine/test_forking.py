"""Forks at a message, taken from journals as sessions write them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.forking import events_up_to
from acp_agent.engine.session import Session
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant, FromUser, Usage
from acp_agent.model.content import Text
from acp_agent.model.session import SessionRecord
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import Stage, open_stage, ticking_clock

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


class Watched(MemoryStore):
    """Remembers the titles that forks have when they are made."""

    def __init__(self) -> None:
        super().__init__(clock=ticking_clock())
        self.titles: list[str | None] = []

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        self.titles.append(record.title)
        await super().fork(record, source, n_events)


async def forked(stage: Stage, at: MessageId | None = None) -> Session:
    stage.session = await stage.core.fork(stage.session.id, SessionId("fork"), stage.opening, at=at)
    return stage.session


@pytest.mark.parametrize("is_live", [True, False])
async def test_a_fork_has_its_sources_title_from_the_start(*, is_live: bool) -> None:
    store = Watched()
    async with open_stage("say: hi", store=store) as stage:
        await stage.prompt("a good question")
        if not is_live:
            await stage.session.close()
        assert (await forked(stage)).record.title == "a good question"
    assert store.titles == ["a good question"]


@pytest.mark.parametrize("number", [0, 1])
async def test_a_title_that_was_given_later_is_also_that_of_a_fork_at_a_message_before(number: int) -> None:
    async with open_stage("say: hi") as stage:
        for text in ("one", "two"):
            await stage.prompt(text)
        await stage.core.shelf.set_title(stage.session.id, "Mine")
        message = stage.host.of(events.UserSaid)[number]
        assert isinstance(message, events.UserSaid)
        assert (await forked(stage, message.message_id)).record.title == "Mine"
        await stage.prompt("and on")
        await stage.reopen()
        assert stage.session.record.title == "Mine"


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
