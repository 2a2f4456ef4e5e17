"""Whatever a journal holds, the history made of it is one that providers accept."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import CompactionId, MessageId, ToolCallId, TurnId
from acp_agent.engine.context.transcript import UNANSWERED, Transcript
from acp_agent.engine.state import SessionState
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant, FromTools, FromUser, Thought, ToolResult, ToolUse, Usage
from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Text
from acp_agent.model.planning import StepBegun
from acp_agent.model.toolcall import ToolCallPatch
from tests.engine.conftest import NOW, broken_rules, coalesced, history

TEXTS = st.sampled_from(["", " ", "\n", "a", "b c", "\N{WAVING HAND SIGN}"])
CALLS = st.sampled_from([ToolCallId(f"call_{number}") for number in range(4)])
MESSAGES = st.sampled_from([MessageId("m1"), MessageId("m2")])
COMPACTIONS = st.sampled_from([CompactionId("k1"), CompactionId("k2")])
EVENTS = st.one_of(
    st.builds(events.TurnStarted, st.just(TurnId("t")), st.just(NOW)),
    st.builds(events.UserSaid, MESSAGES, st.lists(st.builds(Text, TEXTS), max_size=2).map(tuple)),
    st.builds(events.TextChunk, MESSAGES, TEXTS),
    st.builds(events.ThoughtChunk, MESSAGES, TEXTS),
    st.builds(events.ThoughtEnded, MESSAGES, TEXTS),
    st.builds(events.CallRequested, CALLS, st.just("tool"), st.just({})),
    st.builds(events.CallShown, CALLS, st.just(ToolCallPatch(status="pending"))),
    st.builds(events.CallAnswered, CALLS, st.just((Text("result"),)), st.booleans()),
    st.builds(events.StepEnded, st.just("stop"), st.just(Usage()), st.just("m")),
    st.builds(
        events.PermissionDecided, CALLS, st.just("s"), st.sampled_from(["allow_always", "reject_always"])
    ),
    st.builds(events.ModeChanged, st.sampled_from(["ask", "plan"])),
    st.builds(events.UsageChanged, st.just(1), st.just(2), st.none() | st.just(0.5)),
    st.builds(events.Noticed, st.just("info"), st.just("title")),
    st.builds(events.NoteAdded, st.none() | MESSAGES, TEXTS),
    st.builds(
        events.PlanningTold,
        st.builds(StepBegun, st.just("1"), st.just("x"), st.just(1), st.just(2), MESSAGES, TEXTS),
    ),
    st.builds(events.HistoryCleared, st.just(NOW)),
    st.builds(events.Rewound, MESSAGES, st.just(NOW)),
    st.builds(events.ContextPruned, CALLS),
    st.builds(events.CompactionStarted, COMPACTIONS, st.just("auto")),
    st.builds(events.SummaryChunk, COMPACTIONS, TEXTS),
    st.builds(
        events.CompactionEnded,
        COMPACTIONS,
        st.sampled_from(["completed", "completed", "failed", "cancelled"]),
        context=TEXTS,
        kept_from=st.none() | MESSAGES,
        kept_from_call=st.none() | CALLS,
    ),
    st.builds(events.TurnEnded, st.just(TurnId("t")), st.just("cancelled"), st.just(NOW)),
)
# A session says nothing to its model before the user did.
BEGINNING = st.builds(events.UserSaid, MESSAGES, st.just((Text("go"),)))


def _joined(first: events.Event, rest: list[events.Event]) -> list[events.Event]:
    return [first, *rest]


JOURNALS = st.builds(_joined, BEGINNING, st.lists(EVENTS, max_size=30))

USER = events.UserSaid(MessageId("m"), (Text("go"),))
REQUESTED = events.CallRequested(ToolCallId("c"), "tool", {"x": 1})
ANSWERED = events.CallAnswered(ToolCallId("c"), (Text("r"),), is_error=False)
USE = ToolUse(ToolCallId("c"), "tool", {"x": 1})
RESULT = ToolResult(ToolCallId("c"), (Text("r"),))


def said(text: str) -> events.TextChunk:
    return events.TextChunk(MessageId("a"), text)


def thought(text: str) -> events.ThoughtChunk:
    return events.ThoughtChunk(MessageId("b"), text)


@given(JOURNALS)
def test_any_journal_makes_a_history_providers_accept(journal: list[events.Event]) -> None:
    assert broken_rules(history(journal)) == []


@given(JOURNALS, st.sets(st.integers(0, 30)))
def test_asking_for_the_history_in_between_keeps_every_later_one_valid(
    journal: list[events.Event], asked: set[int]
) -> None:
    transcript = Transcript()
    for number, event in enumerate(journal):
        transcript.apply(event)
        if number in asked:
            assert broken_rules(transcript.messages()) == []
    assert broken_rules(transcript.messages()) == []


@given(JOURNALS)
def test_stored_events_fold_to_what_live_ones_fold_to(journal: list[events.Event]) -> None:
    stored = coalesced(journal)
    assert history(stored) == history(journal)
    live, restored = SessionState("ask", "m"), SessionState("ask", "m")
    for event in journal:
        live.apply(event)
    for event in stored:
        restored.apply(event)
    assert live == restored


@given(JOURNALS)
def test_closing_open_calls_leaves_none_unanswered(journal: list[events.Event]) -> None:
    transcript = Transcript()
    for event in journal:
        transcript.apply(event)
    ending = transcript.close_calls("cancelled", "because")
    for event in ending:
        transcript.apply(event)
    assert transcript.close_calls("cancelled", "because") == []
    answered = [event.call_id for event in ending if isinstance(event, events.CallAnswered)]
    assert len(answered) == len(set(answered))


def test_a_whole_conversation_becomes_messages_in_order() -> None:
    journal = [
        USER,
        thought("hm"),
        events.ThoughtEnded(MessageId("b"), "signed"),
        said("I "),
        said("look."),
        REQUESTED,
        ANSWERED,
        said("Done."),
        events.TurnEnded(TurnId("t"), "end_turn", NOW),
        events.UserSaid(MessageId("m2"), (Text("thanks"),)),
    ]
    assert history(journal) == (
        FromUser((Text("go"),)),
        FromAssistant((Thought("hm", "signed"), Text("I look."), USE)),
        FromTools((RESULT,)),
        FromAssistant((Text("Done."),)),
        FromUser((Text("thanks"),)),
    )


def test_a_call_without_an_answer_is_answered_as_interrupted() -> None:
    missing = ToolResult(ToolCallId("c"), (Text(UNANSWERED),), is_error=True)
    assert history([USER, REQUESTED])[-1] == FromTools((missing,))


def test_a_late_answer_changes_nothing_that_was_sent() -> None:
    before = history([USER, REQUESTED, events.TurnEnded(TurnId("t"), "interrupted", NOW)])
    assert history([USER, REQUESTED, events.TurnEnded(TurnId("t"), "interrupted", NOW), ANSWERED]) == before


def test_thinking_that_showed_no_text_keeps_its_signature() -> None:
    sealed = events.ThoughtEnded(MessageId("b"), "sealed")
    assert history([USER, sealed, REQUESTED, ANSWERED])[1] == FromAssistant((Thought("", "sealed"), USE))
    after_results = history([USER, REQUESTED, ANSWERED, sealed, said("Done.")])
    assert after_results[-1] == FromAssistant((Thought("", "sealed"), Text("Done.")))
    after_text = history([USER, said("So."), sealed, REQUESTED, ANSWERED])
    assert after_text[1] == FromAssistant((Text("So."), Thought("", "sealed"), USE))


def test_two_thoughts_stay_two() -> None:
    ended = [events.ThoughtEnded(MessageId("b"), name) for name in ("one", "two")]
    folded = history([USER, thought("a"), ended[0], thought("b"), ended[1], said("x")])
    assert folded[1] == FromAssistant((Thought("a", "one"), Thought("b", "two"), Text("x")))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Text("x"), Text("x")),
        (Image("aa", "image/png"), Image("aa", "image/png")),
        (Audio("aa", "audio/wav"), Audio("aa", "audio/wav")),
        (Resource("file:///a", text="body"), Text('<file uri="file:///a">\nbody\n</file>')),
    ],
)
def test_what_the_user_sent_reaches_the_model(part: Content, expected: Content) -> None:
    assert history([events.UserSaid(MessageId("m"), (part,))]) == (FromUser((expected,)),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            Resource("file:///a.bin", blob="AA==", mime_type="application/zip"),
            ["file:///a.bin", "application/zip"],
        ),
        (Resource("file:///a.bin", blob="AA=="), ["file:///a.bin", "binary"]),
        (ResourceLink("file:///a", "a name"), ["file:///a", "a name"]),
    ],
)
def test_what_is_no_text_is_named_to_the_model(part: Content, words: list[str]) -> None:
    (message,) = history([events.UserSaid(MessageId("m"), (part,))])
    assert isinstance(message, FromUser)
    (text,) = message.content
    assert isinstance(text, Text)
    assert all(word in text.text for word in words)


@pytest.mark.parametrize("content", [(), (Text(""),), (Text(" \n"), Text(""))])
def test_a_prompt_without_content_still_makes_a_message(content: tuple[Content, ...]) -> None:
    assert broken_rules(history([events.UserSaid(MessageId("m"), content)])) == []


def test_every_order_of_a_step_and_a_crash_is_accepted() -> None:
    pieces = [
        thought("hm"),
        said("text"),
        REQUESTED,
        ANSWERED,
        events.TurnEnded(TurnId("t"), "cancelled", NOW),
    ]
    for n_pieces in range(len(pieces) + 1):
        for order in itertools.permutations(pieces, n_pieces):
            assert broken_rules(history([USER, *order, USER])) == []
