"""A store that fails at any call, and a clock that jumps: nothing is lost or said twice, work goes on."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest

from acp_agent.base.errors import AcpAgentError, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import NOW, Stage, Tool, broken_rules, open_stage, ticking_clock

SCRIPT = 'say: I look\ncall: look {"at": 1}\n---\nsay: done'


class FaultyStore(MemoryStore):
    """Fails `n_bad` calls in a row, from call number `first_bad` on; every method counts."""

    def __init__(self, first_bad: int, n_bad: int) -> None:
        super().__init__(clock=ticking_clock())
        self.n_calls = 0
        self.bad = range(first_bad, first_bad + n_bad)

    def _count(self) -> None:
        self.n_calls += 1
        if self.n_calls - 1 in self.bad:
            raise StoreError("no space left on the device")

    async def claim(self, session_id: SessionId) -> None:
        self._count()
        await super().claim(session_id)

    async def release(self, session_id: SessionId) -> None:
        self._count()
        await super().release(session_id)

    async def create(self, record: SessionRecord) -> None:
        self._count()
        await super().create(record)

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        self._count()
        return await super().get(session_id)

    async def update(self, record: SessionRecord) -> None:
        self._count()
        await super().update(record)

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        self._count()
        await super().append(session_id, events)

    async def sync(self, session_id: SessionId) -> None:
        self._count()
        await super().sync(session_id)

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[events.Event]:
        self._count()
        async for event in super().read(session_id, start=start):
            yield event


def facts_in(journal: Sequence[events.Event]) -> list[events.Event]:
    kinds = (events.UserSaid, events.CallAnswered, events.StepEnded, events.TurnEnded)
    return [event for event in journal if isinstance(event, kinds)]


async def opened_again(stage: Stage) -> None:
    """Close the session and open it until that works, as a user would."""
    await stage.session.close()
    for _ in range(10):
        try:
            stage.session = await stage.core.open(stage.session.id, stage.opening)
        except AcpAgentError:
            continue
        return
    raise AssertionError("the session cannot be opened any more")


@pytest.mark.parametrize("n_bad", [1, 3])
async def test_any_call_of_the_store_may_fail_and_what_was_told_is_there_afterwards(n_bad: int) -> None:
    first_bad, n_calls = 0, 1
    while first_bad < n_calls:
        store = FaultyStore(first_bad, n_bad)
        async with open_stage(SCRIPT, Tool("look"), store=store) as stage:
            assert (await stage.prompt("go")).stop_reason == "end_turn"
            await stage.session.journal.flush()
            if not first_bad < store.n_calls < first_bad + n_bad:  # what it holds back would go with it
                await opened_again(stage)
            assert (await stage.prompt("go on")).stop_reason == "end_turn"
            for _ in range(n_bad + 1):  # whatever could not be written yet
                await stage.session.journal.flush()
            stored = [event async for event in MemoryStore.read(store, stage.session.id)]
            assert (first_bad, facts_in(stored)) == (first_bad, facts_in(stage.host.told))
            assert broken_rules(stage.provider.requests[-1].messages) == []
            n_calls = store.n_calls
        first_bad += 1
    assert first_bad > 20


@pytest.mark.parametrize("error", [OSError, SystemExit])
async def test_a_store_may_fail_in_ways_nobody_expects(error: type[BaseException]) -> None:
    class Odd(FaultyStore):
        def _count(self) -> None:
            try:
                super()._count()
            except StoreError:
                raise error("no space left on the device") from None

    store = Odd(0, 100)
    async with open_stage(SCRIPT, Tool("look"), store=store) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        (notice,) = stage.host.of(events.Noticed)
        assert notice.title == "The session cannot be saved at the moment"
        store.bad = range(0)
        assert (await stage.prompt("go on")).stop_reason == "end_turn"
        assert facts_in(await stage.stored()) == facts_in(stage.host.told)
        store.bad = range(1000)
        await stage.session.close()
    assert stage.host.ends[-1].stop_reason == "end_turn"


@pytest.mark.parametrize("seed", range(10))
async def test_a_clock_that_jumps_back_and_forth_changes_no_order(seed: int) -> None:
    rng = random.Random(seed)

    def jumping() -> datetime:
        return NOW + timedelta(seconds=rng.randrange(-(10**8), 10**8))

    async with open_stage(SCRIPT, Tool("look"), clock=jumping, store=MemoryStore(clock=jumping)) as stage:
        for number in range(3):
            assert (await stage.prompt(f"prompt {number}")).stop_reason == "end_turn"
        before = await stage.stored()
        await stage.reopen()
        assert await stage.stored() == before
        assert facts_in(before) == facts_in(stage.host.told)
        assert (await stage.prompt("and on")).stop_reason == "end_turn"
        assert broken_rules(stage.provider.requests[-1].messages) == []
