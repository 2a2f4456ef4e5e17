"""Loading a session sends it as it is read: memory does not grow with what is shown."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.lowlevel

from acp_agent.base.ids import SessionId, ToolCallId, TurnId, counting_ids
from acp_agent.engine.agent_core import AgentCore, AgentParts
from acp_agent.model import events
from acp_agent.model.content import Diff
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import SessionStore, ToolSource
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.server.connection import Connection
from acp_agent.stores.sqlite import SqliteStore
from acp_agent.surface.handshake import ClientOffer
from tests.server.test_connection import Backend

NOW = datetime(2024, 5, 6, tzinfo=UTC)
SESSION = SessionId("long")
N_CALLS = 6_000
DIFF_SIZE = 10_000
LIMIT = 30_000_000
"""Bytes that loading may hold at once, half of what is shown: a page of the store, lines not yet read."""


class CountingClient:
    """A client that asks for one thing and throws away what it reads; `answered` is set by the answer."""

    def __init__(self, request: bytes) -> None:
        self._requests = [request]
        self.n_bytes = 0
        self.answered = anyio.Event()

    async def receive(self) -> bytes:
        if not self._requests:
            await anyio.sleep_forever()
        return self._requests.pop()

    async def send(self, lines: bytes) -> None:
        self.n_bytes += len(lines)
        await anyio.lowlevel.checkpoint()
        if b'"id":1' in lines[-2_000:]:
            self.answered.set()

    async def aclose(self) -> None:
        pass


async def fill(store: SessionStore, cwd: Path) -> None:
    await store.create(SessionRecord(SESSION, str(cwd), NOW, NOW))
    shown = [
        events.CallShown(
            ToolCallId(f"c{n}"),
            ToolCallPatch(status="completed", content=(Diff("/x", f"{n:04}" * (DIFF_SIZE // 4)),)),
        )
        for n in range(N_CALLS)
    ]
    turn = [events.TurnStarted(TurnId("t"), NOW), *shown, events.TurnEnded(TurnId("t"), "end_turn", NOW)]
    await store.append(SESSION, turn)
    await store.aclose()


@contextmanager
def traced() -> Generator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def no_servers(*_: object) -> ToolSource:
    raise AssertionError("no server was named")


async def test_a_long_session_is_loaded_in_little_memory(tmp_path: Path) -> None:
    await fill(SqliteStore(tmp_path / "s.db"), tmp_path)
    params: dict[str, object] = {"sessionId": SESSION, "cwd": str(tmp_path), "mcpServers": []}
    request = {"jsonrpc": "2.0", "id": 1, "method": "session/load", "params": params}
    peak = LIMIT
    client = CountingClient(json.dumps(request).encode())
    async with anyio.create_task_group() as tasks:
        providers = {"scripted": ScriptedProvider("say: ok")}
        parts = AgentParts(SqliteStore(tmp_path / "s.db"), providers, (), no_servers, new_id=counting_ids())
        backend = Backend(AgentCore(parts, tasks))
        connection = Connection(client, backend, offer=ClientOffer())
        connection.load()
        with traced():
            tasks.start_soon(connection.serve)
            with anyio.fail_after(60):  # everything is slow while memory is traced
                await client.answered.wait()
            peak = tracemalloc.get_traced_memory()[1]
        await backend.core.aclose()
        tasks.cancel_scope.cancel()
    assert client.n_bytes > N_CALLS * DIFF_SIZE
    assert peak < LIMIT, f"{peak / 1e6:.1f} MB"
