"""Clearing and rewinding change what the model is told, never what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import CompactionId, MessageId, ToolCallId, TurnId
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.rewind.messages import clear, events_before, rewind, rewind_points
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant, FromUser
from acp_agent.model.content import Image, Text
from tests.engine.conftest import NOW, Stage, broken_rules, history, open_stage

SCRIPT = "say: you said {prompt}"


def told(stage: Stage) -> list[str]:
    """What the model would be told now, its own words included."""
    return [
        part.text
        for message in stage.session.transcript.messages()
        if isinstance(message, FromUser | FromAssistant)
        for part in message.content
        if isinstance(part, Text)
    ]


async def stream(journal: Sequence[events.Event]) -> AsyncIterator[events.Event]:
    for event in journal:
        yield event


def turn(number: int) -> list[events.Event]:
    turn_id = TurnId(f"t{number}")
    return [
        events.TurnStarted(turn_id, NOW),
        events.UserSaid(MessageId(f"u{number}"), (Text(f"question {number}"),)),
        events.TextChunk(MessageId(f"a{number}"), f"answer {number}"),
        events.TurnEnded(turn_id, "end_turn", NOW),
    ]


def compacted(kept_from: MessageId | None) -> events.CompactionEnded:
    return events.CompactionEnded(
        CompactionId("k"), "completed", summary="s", context="the summary", kept_from=kept_from
    )


async def test_points_are_the_messages_of_the_user_in_order() -> None:
    async with open_stage(SCRIPT) as stage:
        await stage.prompt("one\n two")
        await stage.prompt("x" * 200)
        points = await rewind_points(stream(await stage.stored()))
    assert [point.words for point in points] == ["one two", "x" * 79 + "…"]
    assert points[0].at is not None
    assert points[1].at is not None
    assert points[0].at < points[1].at


async def test_a_message_without_words_is_a_point_too() -> None:
    said = events.UserSaid(MessageId("m"), (Image("AA==", "image/png"),))
    assert [point.words for point in await rewind_points(stream([said]))] == [""]


async def test_after_a_rewind_the_model_is_told_what_it_was_told_before_that_message() -> None:
    async with open_stage(SCRIPT) as stage:
        await stage.prompt("one")
        before = stage.session.transcript.messages()
        await stage.prompt("two")
        await stage.prompt("three")
        points = await rewind_points(stream(await stage.stored()))
        await rewind(stage.session, points[1].message_id)
        assert stage.session.transcript.messages() == before
        await stage.prompt("four")
        assert told(stage) == ["one", "you said one", "four", "you said four"]
        again = await rewind_points(stream(await stage.stored()))
        assert [point.words for point in again] == ["one", "four"]
        live = stage.session.transcript.messages()
        await stage.reopen()
        assert stage.session.transcript.messages() == live


async def test_a_rewind_is_shown_in_the_size_of_the_context() -> None:
    async with open_stage("usage: 500 20\nsay: hello") as stage:
        await stage.prompt("one")
        points = await rewind_points(stream(await stage.stored()))
        await rewind(stage.session, points[0].message_id)
        usage = stage.host.of(events.UsageChanged)
    assert usage[-1] == events.UsageChanged(0, 128_000, None)


async def test_a_message_that_does_not_exist_is_refused_with_those_that_do() -> None:
    async with open_stage(SCRIPT) as stage:
        await stage.prompt("one")
        (point,) = await rewind_points(stream(await stage.stored()))
        with pytest.raises(InvalidChoice, match=point.message_id):
            await rewind(stage.session, MessageId("msg_none"))
        await rewind(stage.session, point.message_id)
        with pytest.raises(InvalidChoice):
            await rewind(stage.session, point.message_id)


async def test_after_a_clear_the_model_is_told_nothing_and_a_rewind_brings_it_back() -> None:
    async with open_stage(SCRIPT) as stage:
        await stage.prompt("one")
        await clear(stage.session)
        assert told(stage) == []
        await stage.prompt("two")
        assert told(stage) == ["two", "you said two"]
        points = await rewind_points(stream(await stage.stored()))
        await rewind(stage.session, points[1].message_id)
        assert told(stage) == []
        await rewind(stage.session, points[0].message_id)
        await stage.prompt("three")
        assert told(stage) == ["three", "you said three"]


def test_a_rewind_to_before_a_compaction_undoes_it() -> None:
    journal = [*turn(1), *turn(2), *turn(3)]
    rewound = [*journal, compacted(MessageId("u3")), *turn(4), events.Rewound(MessageId("u2"), NOW)]
    assert history(rewound) == history(turn(1))


def test_a_rewind_to_after_a_compaction_keeps_it() -> None:
    journal = [*turn(1), *turn(2), compacted(MessageId("u2"))]
    rewound = [*journal, *turn(3), events.Rewound(MessageId("u3"), NOW)]
    assert history(rewound) == history(journal)


def test_a_rewind_brings_back_output_that_was_pruned() -> None:
    call = ToolCallId("c")
    first = [
        *turn(1)[:-1],
        events.CallRequested(call, "read", {}),
        events.CallAnswered(call, (Text("x" * 1000),), is_error=False),
        *turn(1)[-1:],
    ]
    pruned = [*first, *turn(2), events.ContextPruned(call)]
    assert "x" * 1000 not in str(history(pruned))
    assert history([*pruned, events.Rewound(MessageId("u2"), NOW)]) == history(first)


@pytest.mark.parametrize("kept", [None, MessageId("u1"), MessageId("u2"), MessageId("nobody's")])
def test_a_compaction_keeps_what_it_says_and_an_unknown_place_changes_nothing(kept: MessageId | None) -> None:
    journal = [*turn(1), *turn(2)]
    whole = history(journal)
    start = {None: 4, MessageId("u1"): 0, MessageId("u2"): 2}.get(kept)
    expected = whole if start is None else (FromUser((Text("the summary"),)), *whole[start:])
    assert history([*journal, compacted(kept)]) == expected
    assert broken_rules(expected) == []


def test_a_compaction_that_did_not_complete_changes_nothing() -> None:
    for status in ("failed", "cancelled"):
        ended = events.CompactionEnded(CompactionId("k"), status, context="the summary")
        assert history([*turn(1), ended]) == history(turn(1))


async def test_a_fork_at_a_message_has_the_events_before_its_turn() -> None:
    journal = [*turn(1), events.ModeChanged("plan"), *turn(2)]
    assert await events_before(stream(journal), MessageId("u1")) == 0
    n_events = await events_before(stream(journal), MessageId("u2"))
    assert journal[:n_events] == [*turn(1), events.ModeChanged("plan")]
    with pytest.raises(InvalidChoice):
        await events_before(stream(journal), MessageId("u3"))


async def test_a_fork_at_a_message_said_into_a_turn_has_the_turn_up_to_it() -> None:
    steered = [*turn(1)[:3], events.UserSaid(MessageId("more"), (Text("and that"),)), *turn(1)[3:]]
    assert await events_before(stream(steered), MessageId("more")) == 3


def test_what_the_agent_adds_to_a_message_is_told_with_it() -> None:
    said = events.UserSaid(MessageId("m"), (Text("go"),))
    noted = [said, events.NoteAdded(MessageId("m"), "a file changed")]
    assert history(noted) == (FromUser((Text("go"), Text("a file changed"))),)
    assert history([*noted, events.NoteAdded(MessageId("n"), "late")]) == history(noted)


def test_a_note_without_a_message_stands_behind_what_was_before_it() -> None:
    said = events.UserSaid(MessageId("m"), (Text("go"),))
    called = events.CallRequested(ToolCallId("c"), "look", {})
    answered = events.CallAnswered(ToolCallId("c"), (Text("seen"),), is_error=False)
    note = events.NoteAdded(None, "a task ended")
    assert history([said, note]) == (FromUser((Text("go"), Text("a task ended"))),)
    told = history([said, called, answered, note])
    assert told == (*history([said, called, answered]), FromUser((Text("a task ended"),)))
    assert history([said, called, answered, note, events.Rewound(MessageId("m"), NOW)]) == ()


def test_the_words_of_a_cleared_step_do_not_come_back() -> None:
    transcript = Transcript()
    for event in (*turn(1)[:3], events.HistoryCleared(NOW), *turn(2)[2:]):
        transcript.apply(event)
    assert transcript.messages() == ()
