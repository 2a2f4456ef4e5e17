"""`$/cancel_request` for every request a client may send: one answer, and the work behind it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.ids import SessionId
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionPage
from acp_agent.stores.memory import MemoryStore
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.router import Router
from tests.patience import PATIENCE
from tests.server.test_connection import Client, connected

REQUEST_CANCELLED = -32800

METHODS = sorted(Router(None, None, ClientOffer()).handlers())  # pyright: ignore[reportArgumentType] # names only

SHELVED = {"session/status", "session/set_title", "session/archive", "session/unarchive", "session/fork"}
OF_STORED_SESSIONS = {"session/load", "session/resume", "session/delete", *SHELVED}

NEEDS_THE_STORE = {"session/list", *OF_STORED_SESSIONS}
"""Requests that nothing but their withdrawal ends while the store hangs."""


class HangingStore(MemoryStore):
    """A store whose reading and deleting never end while it hangs; `waits` counts those who wait.

    `spared` is how often it still does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.spared = 0
        self.waits = 0
        self.waiting = anyio.Event()

    async def _wait(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.hangs and self.spared:
            self.spared -= 1
        elif self.hangs:
            self.waits += 1
            self.waiting.set()
            try:
                await anyio.sleep_forever()
            finally:
                self.waits -= 1

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        await self._wait()
        return await super().get(session_id)

    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> SessionPage:
        await self._wait()
        return await super().list(cwd=cwd, cursor=cursor, limit=limit, archived=archived)

    async def delete(self, session_id: SessionId) -> bool:
        await self._wait()
        return await super().delete(session_id)

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[events.Event]:
        async for event in super().read(session_id, start=start):
            yield event
            await self._wait()  # in the middle of the history


def params_for(method: str, stored: str, live: str, cwd: Path) -> dict[str, object]:
    """Params that fit every method: what a method does not know it ignores."""
    return {
        "sessionId": stored if method in OF_STORED_SESSIONS else live,
        "cwd": str(cwd),
        "mcpServers": [],
        "prompt": [{"type": "text", "text": "wait"}],
        "modeId": "plan",
        "configId": "mode",
        "value": "plan",
        "methodId": "configured",
        "title": "New title",
        "providerId": "openai",
        "apiType": "openai",
        "baseUrl": "http://localhost/v1",
    }


def withdrawal(request: dict[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": request["id"]}}


async def sessions(client: Client, cwd: Path) -> tuple[str, str]:
    """A stored session, and a live one."""
    stored, live = await client.new_session(cwd), await client.new_session(cwd)
    for session_id in (stored, live):
        await client.prompt(session_id, "hello")
    await client.result("session/close", sessionId=stored)
    return stored, live


async def check_all_is_well(client: Client, stored: str, cwd: Path) -> None:
    """The connection serves as if nothing had happened, and nobody was answered twice."""
    seen = len(client.updates)
    fresh = await client.new_session(cwd)
    assert (await client.prompt(fresh, "hello"))["stopReason"] == "end_turn"
    await client.call("session/load", sessionId=stored, cwd=str(cwd), mcpServers=[])
    assert client.updates[seen:]


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_withdrawn_at_once_has_one_answer(method: str, tmp_path: Path) -> None:
    async with connected(store=HangingStore()) as client:
        stored, live = await sessions(client, tmp_path)
        request = client.request(method, **params_for(method, stored, live, tmp_path))
        await client.send(request, withdrawal(request))
        answer = await client.answer()
        assert answer["id"] == request["id"]
        if "error" in answer:
            assert answer["error"]["code"] == REQUEST_CANCELLED
        elif method == "session/prompt":
            assert answer["result"]["stopReason"] == "cancelled"
        await check_all_is_well(client, stored, tmp_path)


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_withdrawn_while_the_store_hangs_ends_its_work(method: str, tmp_path: Path) -> None:
    store = HangingStore()
    async with connected(store=store) as client:
        stored, live = await sessions(client, tmp_path)
        request = client.request(method, **params_for(method, stored, live, tmp_path))
        store.hangs = True
        await client.send(request)
        answer: Any
        if method in NEEDS_THE_STORE:
            with anyio.fail_after(PATIENCE):
                await store.waiting.wait()
            await client.send(withdrawal(request))
            answer = await client.answer()
            assert answer["error"]["code"] == REQUEST_CANCELLED
        else:
            await client.send(withdrawal(request))
            answer = await client.answer()
        assert (answer["id"], store.waits) == (request["id"], 0)
        store.hangs = False
        await check_all_is_well(client, stored, tmp_path)


async def test_a_load_withdrawn_halfway_leaves_a_live_session_as_it_was(tmp_path: Path) -> None:
    store = HangingStore()
    async with connected(store=store) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        request = client.request("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        store.hangs = True
        await client.send(request)
        with anyio.fail_after(PATIENCE):
            await store.waiting.wait()
        await client.send(withdrawal(request))
        assert (await client.answer())["error"]["code"] == REQUEST_CANCELLED
        store.hangs = False
        client.updates.clear()
        assert (await client.prompt(session_id, "again"))["stopReason"] == "end_turn"
        assert client.text == "You said again"
        assert "user_message_chunk" not in [update["sessionUpdate"] for update in client.updates]


@pytest.mark.parametrize("while_it", ["is opened", "is replayed"])
async def test_a_load_withdrawn_halfway_opens_nothing(while_it: str, tmp_path: Path) -> None:
    store = HangingStore()
    async with connected(store=store) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        await client.result("session/close", sessionId=session_id)
        if while_it == "is replayed":
            store.spared = 1 + len([event async for event in store.read(SessionId(session_id))])
        request = client.request("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        store.hangs = True
        await client.send(request)
        with anyio.fail_after(PATIENCE):
            await store.waiting.wait()
        await client.send(withdrawal(request))
        assert (await client.answer())["error"]["code"] == REQUEST_CANCELLED
        store.hangs = False
        error = await client.error(
            "session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "hi"}]
        )
        assert error["data"] == {"sessionId": session_id}


async def test_a_load_that_fails_leaves_a_live_session_as_it_was(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        nowhere = str(tmp_path / "nowhere")
        await client.error("session/load", sessionId=session_id, cwd=nowhere, mcpServers=[])
        client.updates.clear()
        await client.prompt(session_id, "again")
        assert client.text == "You said again"
