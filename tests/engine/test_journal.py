"""Written, then published; in order; nothing lost and nothing twice, whatever the store does."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.engine.journal import FLUSH_AFTER, Journal, merge_patches
from acp_agent.model import events
from acp_agent.model.content import shown_text
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import NOW, VIRTUAL_CLOCK, SlowStore, coalesced, collect

ID = SessionId("s")
RECORD = SessionRecord(ID, "/x", NOW, NOW)
STARTED = events.TurnStarted(TurnId("t"), NOW)
ENDED = events.TurnEnded(TurnId("t"), "end_turn", NOW)


def text(words: str, message: str = "m") -> events.TextChunk:
    return events.TextChunk(MessageId(message), words)


def thought(words: str, message: str = "m") -> events.ThoughtChunk:
    return events.ThoughtChunk(MessageId(message), words)


def shown(call: str, patch: ToolCallPatch) -> events.CallShown:
    return events.CallShown(ToolCallId(call), patch)


class Desk:
    """A journal that has begun, over a store, with everything it published and folded."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.told: list[events.Event] = []
        self.folded: list[events.Event] = []
        self.journal = Journal(self.store, ID, fold=self.folded.append, publish=self.told.append)
        self.journal.begin(RECORD)

    async def stored(self) -> list[events.Event]:
        return await collect(self.store.read(ID))

    @property
    def notices(self) -> list[str]:
        return [event.title for event in self.told if isinstance(event, events.Noticed)]


class Watched(MemoryStore):
    """Calls `seen` with what is about to be stored."""

    def __init__(self, told: list[events.Event]) -> None:
        super().__init__()
        self.told = told
        self.too_early: list[events.Event] = []

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        await anyio.lowlevel.checkpoint()
        self.too_early += [event for event in events if event in self.told]
        await super().append(session_id, events)


async def test_facts_are_stored_before_anybody_sees_them() -> None:
    told: list[events.Event] = []
    store = Watched(told)
    journal = Journal(store, ID, fold=lambda _: None, publish=told.append)
    journal.begin(RECORD)
    await journal.record(STARTED, ENDED)
    assert (store.too_early, told) == ([], [STARTED, ENDED])


async def test_streams_are_published_at_once_and_stored_joined() -> None:
    desk = Desk()
    for words in ("one ", "two ", "three"):
        desk.journal.say(text(words))
    assert desk.told == [text("one "), text("two "), text("three")]
    assert await desk.stored() == []
    await desk.journal.flush()
    assert await desk.stored() == [text("one two three")]


async def test_a_fact_ends_the_message_before_it() -> None:
    desk = Desk()
    desk.journal.say(text("a"))
    await desk.journal.record(STARTED)
    desk.journal.say(text("b"))
    await desk.journal.flush()
    assert await desk.stored() == [text("a"), STARTED, text("b")]
    assert desk.told == desk.folded == [text("a"), STARTED, text("b")]


SAID = st.one_of(
    st.builds(text, st.sampled_from("abc"), st.sampled_from("mn")),
    st.builds(thought, st.sampled_from("abc"), st.sampled_from("mn")),
)


@given(st.lists(SAID | st.sampled_from([STARTED, ENDED]) | st.just("flush"), max_size=20))
async def test_what_is_stored_is_what_was_told_with_neighbours_joined(
    steps: list[events.Event | str],
) -> None:
    desk = Desk()
    for step in steps:
        if isinstance(step, events.TextChunk | events.ThoughtChunk):
            desk.journal.say(step)
        elif isinstance(step, str):
            await desk.journal.flush()
        else:
            await desk.journal.record(step)
    await desk.journal.flush()
    assert coalesced(await desk.stored()) == coalesced(desk.told)
    assert desk.told == desk.folded


async def test_progress_of_one_call_is_merged_and_of_two_kept_apart() -> None:
    desk = Desk()
    desk.journal.say(shown("a", ToolCallPatch(title="one", status="in_progress")))
    desk.journal.say(shown("a", ToolCallPatch(title="two")))
    desk.journal.say(shown("b", ToolCallPatch(title="other")))
    await desk.journal.flush()
    assert await desk.stored() == [
        shown("a", ToolCallPatch(title="two", status="in_progress")),
        shown("b", ToolCallPatch(title="other")),
    ]
    assert len(desk.told) == 3


PATCHES = st.builds(
    ToolCallPatch,
    title=st.sampled_from(["a", "b", UNSET]),
    status=st.sampled_from(["pending", "failed", UNSET]),
    content=st.sampled_from([(), (shown_text("x"),), UNSET]),
    raw_output=st.sampled_from([None, 1, UNSET]),
)


@given(PATCHES, PATCHES, PATCHES)
def test_merging_patches_is_associative_and_later_ones_win(
    one: ToolCallPatch, two: ToolCallPatch, three: ToolCallPatch
) -> None:
    assert merge_patches(merge_patches(one, two), three) == merge_patches(one, merge_patches(two, three))
    assert merge_patches(one, ToolCallPatch()) == merge_patches(ToolCallPatch(), one) == one
    assert merge_patches(two, one) == merge_patches(merge_patches(two, one), one)


async def test_nothing_is_stored_before_it_begins_and_all_of_it_afterwards() -> None:
    store = MemoryStore()
    told: list[events.Event] = []
    journal = Journal(store, ID, fold=lambda _: None, publish=told.append)
    notice = events.Noticed("warning", "w")
    await journal.record(notice)
    await journal.flush()
    assert (await store.get(ID), told) == (None, [notice])
    journal.begin(RECORD)
    await journal.record(STARTED)
    assert await collect(store.read(ID)) == [notice, STARTED]


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_what_is_said_is_stored_after_a_while_without_being_asked() -> None:
    desk = Desk()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.journal.flush_regularly)
        for n_rounds in range(1, 4):
            desk.journal.say(text("words", message=f"m{n_rounds}"))
            await anyio.sleep(FLUSH_AFTER * 1.01)
            assert len(await desk.stored()) == n_rounds
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_store_that_hangs_counts_as_failing_and_is_tried_again() -> None:
    store = SlowStore()
    desk = Desk(store)
    store.hanging = True
    await desk.journal.record(STARTED)
    assert (desk.notices, len(desk.told)) == (["The session cannot be saved at the moment"], 2)
    store.hanging = False
    await desk.journal.record(ENDED)
    assert await desk.stored() == [STARTED, ENDED]


async def test_while_held_nothing_is_published_or_stored_and_afterwards_all_in_order() -> None:
    desk = Desk(SlowStore())
    desk.journal.say(text("before"))
    async with anyio.create_task_group() as tasks:
        async with desk.journal.hold():
            assert await desk.stored() == [text("before")]
            desk.journal.say(text("during"))
            tasks.start_soon(desk.journal.record, STARTED)
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            assert (desk.told, await desk.stored()) == ([text("before")], [text("before")])
        assert desk.told == [text("before"), text("during")]
    assert desk.told == [text("before"), text("during"), STARTED]
    assert await desk.stored() == [text("before"), text("during"), STARTED]


async def test_a_cancelled_reader_lets_go() -> None:
    desk = Desk()
    with anyio.CancelScope() as scope:
        async with desk.journal.hold():
            desk.journal.say(text("a"))
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    await desk.journal.record(STARTED)
    assert desk.told == [text("a"), STARTED]


async def test_a_failing_store_is_told_once_and_everything_is_written_later() -> None:
    store = SlowStore()
    desk = Desk(store)
    store.failing = True
    await desk.journal.record(STARTED)
    desk.journal.say(text("a"))
    await desk.journal.sync()
    await desk.journal.record(ENDED)
    assert desk.notices == ["The session cannot be saved at the moment"]
    assert [event for event in desk.told if not isinstance(event, events.Noticed)] == [
        STARTED,
        text("a"),
        ENDED,
    ]
    store.failing = False
    await desk.journal.flush()
    assert await desk.stored() == [STARTED, text("a"), ENDED]
    assert desk.notices[1:] == ["The session is being saved again"]
    store.failing = True
    await desk.journal.record(STARTED)
    assert len(desk.notices) == 3


async def test_a_store_that_only_cannot_sync_is_told_once() -> None:
    class Unsynced(MemoryStore):
        async def sync(self, session_id: SessionId) -> None:
            raise StoreError("no disk")

    desk = Desk(Unsynced())
    await desk.journal.record(STARTED)
    await desk.journal.sync()
    await desk.journal.sync()
    assert desk.notices == ["The session cannot be saved at the moment"]
    assert await desk.stored() == [STARTED]


@pytest.mark.parametrize("message", ["m", "other"])
async def test_what_is_said_while_the_store_is_busy_is_not_lost(message: str) -> None:
    desk = Desk(SlowStore())
    desk.journal.say(text("a"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.journal.flush)
        await anyio.lowlevel.checkpoint()
        desk.journal.say(text("b", message))
        desk.journal.say(shown("c", ToolCallPatch(title="one")))
        await anyio.lowlevel.checkpoint()
        desk.journal.say(shown("c", ToolCallPatch(title="two")))
    await desk.journal.flush()
    assert await desk.stored() == [text("a"), text("b", message), shown("c", ToolCallPatch(title="two"))]


async def test_a_cancelled_append_is_neither_lost_nor_repeated() -> None:
    for n_ticks in range(12):
        store = SlowStore()
        desk = Desk(store)
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(_cancel_after, scope, n_ticks)
                await desk.journal.record(STARTED, ENDED)
        await desk.journal.flush()
        stored = await desk.stored()
        assert stored in ([], [STARTED, ENDED])
        assert desk.told == desk.folded == stored


async def test_events_are_published_in_the_order_they_are_stored() -> None:
    desk = Desk(SlowStore())
    recorded = [events.ModelChanged(f"m/{number}") for number in range(20)]
    async with anyio.create_task_group() as tasks:
        for event in recorded:
            tasks.start_soon(desk.journal.record, event)
    assert desk.told == await desk.stored() == recorded


async def _cancel_after(scope: anyio.CancelScope, n_ticks: int) -> None:
    for _ in range(n_ticks):
        await anyio.lowlevel.checkpoint()
    scope.cancel()
