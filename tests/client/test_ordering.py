"""Order, whatever the scheduling: several sessions, slow handlers, updates that come too early."""

from __future__ import annotations

from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.client.active_session import ActiveSession, Stopped, Update
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import PASS_ON
from acp_agent.client.messages import SessionUpdate
from acp_agent.rpc.peer import Call
from tests.client.conftest import Connect, FakeAgent


async def pause(n_ticks: int) -> None:
    for _ in range(n_ticks):
        await anyio.lowlevel.checkpoint()


@settings(max_examples=40, deadline=None)
@given(
    said=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=20),
    slowness=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    early=st.integers(0, 3),
    reading=st.integers(0, 4),
)
async def test_every_session_reads_all_of_its_updates_in_order_and_then_its_stop(
    said: list[tuple[int, int]], slowness: list[int], early: int, reading: int
) -> None:
    client, n_handled = Client(), 0
    everybody_prompted, n_prompts = anyio.Event(), 0

    @client.on_notification(SessionUpdate)
    async def slow(note: SessionUpdate, connection: Connection) -> Any:
        nonlocal n_handled
        n_handled += 1
        await pause(slowness[n_handled % len(slowness)])
        return PASS_ON

    n_sessions = 0

    async def new(agent: FakeAgent, call: Call) -> Any:
        nonlocal n_sessions
        session_id = str(n_sessions)
        n_sessions += 1
        for number in range(early):
            agent.update(session_id, f"early {number}")
        return {"sessionId": session_id}

    async def prompt(agent: FakeAgent, call: Call) -> Any:
        nonlocal n_prompts
        n_prompts += 1
        if n_prompts == 3:
            for number, (session, ticks) in enumerate(said):
                await pause(ticks)
                agent.update(str(session), str(number))
            everybody_prompted.set()
        await everybody_prompted.wait()
        return {"stopReason": "end_turn"}

    async def read(session: ActiveSession) -> None:
        session.send_prompt("go")
        texts: list[str] = []
        while isinstance(message := await session.read_update(), Update):
            texts.append(message.text)
            await pause(reading)
        assert isinstance(message, Stopped)
        own = [str(number) for number, (owner, _) in enumerate(said) if str(owner) == session.id]
        assert texts == [*(f"early {number}" for number in range(early)), *own]

    async with (
        Connect()(client, session__new=new, session__prompt=prompt) as (agent, _),
        agent.build_session("/p") as first,
        agent.build_session("/p") as second,
        agent.build_session("/p") as third,
        anyio.create_task_group() as tasks,
    ):
        for session in (first, second, third):
            tasks.start_soon(read, session)
