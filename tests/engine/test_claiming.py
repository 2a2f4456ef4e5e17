"""One process at a time writes a session; everybody else is told who does."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from acp_agent.base.errors import SessionInUse, SessionNotFound, StoreError
from acp_agent.base.ids import SessionId, random_id
from acp_agent.model import events
from acp_agent.stores.memory import MemoryStore
from acp_agent.stores.sqlite import SqliteStore
from tests.engine.conftest import Stage, open_stage, ticking_clock
from tests.patience import PATIENCE


class PickyStore(MemoryStore):
    """Counts claims; refuses them while `refusal` is set, hangs on release while `hanging`."""

    def __init__(self) -> None:
        super().__init__(clock=ticking_clock())
        self.held: list[str] = []
        self.refusal: StoreError | None = None
        self.hanging = False

    async def claim(self, session_id: SessionId) -> None:
        if self.refusal is not None:
            raise self.refusal
        if session_id not in self.held:
            self.held.append(session_id)

    async def release(self, session_id: SessionId) -> None:
        if self.hanging:
            await anyio.sleep_forever()
        if session_id in self.held:
            self.held.remove(session_id)


async def open_in(stage: Stage, session_id: SessionId) -> None:
    stage.session = await stage.core.open(session_id, stage.opening)


async def test_a_session_is_refused_while_another_agent_has_it_and_given_back_by_a_close(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sessions.db"
    async with (
        open_stage("say: ok", store=SqliteStore(path)) as first,
        open_stage("say: ok", store=SqliteStore(path), new_id=random_id) as second,
    ):
        assert (await first.prompt("hello")).stop_reason == "end_turn"
        with pytest.raises(SessionInUse, match=r"is in use by process \d+ on"):
            await second.core.open(first.session.id, second.opening)
        assert [one.id for one in (await second.core.list(cwd=None, cursor=None)).sessions] == [
            second.session.id,  # nobody spoke in it yet
            first.session.id,
        ]
        await first.session.close()
        await open_in(second, first.session.id)
        assert (await second.prompt("and you?")).stop_reason == "end_turn"
        with pytest.raises(SessionInUse):
            await first.core.open(second.session.id, first.opening)


async def test_an_interrupted_turn_is_not_closed_by_somebody_who_only_looks(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = SqliteStore(path)
    async with (
        open_stage("wait", store=store) as first,
        open_stage("say: ok", store=SqliteStore(path), new_id=random_id) as other,
    ):
        first.say("work")
        await first.host.wait_for(lambda: bool(first.host.of(events.UserSaid)))
        before = await first.stored()
        with pytest.raises(SessionInUse):
            await other.core.open(first.session.id, other.opening)
        assert await first.stored() == before


async def test_a_session_nobody_spoke_in_is_not_claimed() -> None:
    store = PickyStore()
    async with open_stage("say: ok", store=store) as stage:
        await stage.session.set_mode("plan")
        assert store.held == []
        await stage.prompt("hello")
        assert store.held == [stage.session.id]
        await stage.session.close()
        assert store.held == []


async def test_what_cannot_be_opened_is_given_back() -> None:
    store = PickyStore()
    async with open_stage("say: ok", store=store) as stage:
        with pytest.raises(SessionNotFound):
            await stage.core.open(SessionId("unknown"), stage.opening)
        assert store.held == []


async def test_a_store_that_gives_no_claims_is_read_and_written_once_it_does() -> None:
    store = PickyStore()
    async with open_stage("say: ok", store=store) as stage:
        await stage.prompt("hello")
        await stage.session.close()
        store.refusal = StoreError("the disk is full")
        await open_in(stage, stage.session.id)
        n_stored = len(await stage.stored())
        assert (await stage.prompt("work on")).stop_reason == "end_turn"
        assert len(await stage.stored()) == n_stored
        store.refusal = None
        await stage.prompt("and now?")
        assert store.held == [stage.session.id]
        told = [event.title for event in stage.host.told if isinstance(event, events.Noticed)]
        assert told == ["The session cannot be saved at the moment", "The session is being saved again"]


async def test_a_close_ends_though_the_session_cannot_be_given_back() -> None:
    store = PickyStore()
    async with open_stage("say: ok", store=store) as stage:
        await stage.prompt("hello")
        store.hanging = True
        with anyio.fail_after(PATIENCE):
            await stage.session.close()
        store.hanging = False
