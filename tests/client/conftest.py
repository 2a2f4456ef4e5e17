"""An agent in memory that does what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio
import pytest

from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.rpc.errors import RpcError, method_not_found
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer
from tests.patience import PATIENCE

Frame = dict[str, Any]
Play: TypeAlias = Callable[["FakeAgent", Call], Awaitable[Any]]


class FakeAgent:
    """The other end. `methods` are played for the client's calls; `seen` are the notifications it got."""

    def __init__(self, methods: dict[str, Play], capabilities: Frame) -> None:
        self.methods: dict[str, Play] = {
            "initialize": self._initialize,
            "session/new": new_session,
            **methods,
        }
        self.capabilities = capabilities
        self.seen: list[tuple[str, Any]] = []
        self.peer: Peer

    async def _initialize(self, agent: FakeAgent, call: Call) -> Any:
        return {"protocolVersion": 1, "agentCapabilities": self.capabilities}

    def update(self, session_id: str, text: str) -> None:
        content = {"type": "text", "text": text}
        update = {"sessionUpdate": "agent_message_chunk", "content": content}
        self.peer.notify("session/update", {"sessionId": session_id, "update": update})

    def admit(self, method: str, params: Any) -> Handler:
        play = self.methods.get(method)

        async def serve(call: Call) -> Any:
            if not call.expects_answer:
                self.seen.append((method, params))
                return None
            if play is None:
                raise method_not_found(method)
            return await play(self, call)

        return serve


async def new_session(agent: FakeAgent, call: Call) -> Any:
    return {"sessionId": "s1"}


async def echo(agent: FakeAgent, call: Call) -> Any:
    """Say each word of the prompt, then stop."""
    assert isinstance(call.params, dict)
    session_id, prompt = call.params["sessionId"], call.params["prompt"]
    for word in prompt[0]["text"].split():  # type: ignore[index, call-overload, union-attr]
        agent.update(str(session_id), f"{word} ")
    return {"stopReason": "end_turn"}


def to_rpc(exc: Exception) -> RpcError:
    return exc if isinstance(exc, RpcError) else RpcError(-32603, repr(exc))


class Connect:
    """Joins a client to a fake agent for the time of a context."""

    @asynccontextmanager
    async def __call__(
        self, client: Client | None = None, *, capabilities: Frame | None = None, **methods: Play
    ) -> AsyncGenerator[tuple[Connection, FakeAgent]]:
        near, far = memory_transport_pair()
        plays = {name.replace("__", "/"): play for name, play in methods.items()}
        agent = FakeAgent(plays, capabilities or {})
        agent.peer = Peer(far, admission=agent.admit, error_from=to_rpc)
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(agent.peer.serve)
                async with (client or Client()).connect(near) as connection:
                    yield connection, agent
                tasks.cancel_scope.cancel()


@pytest.fixture
def connect() -> Connect:
    return Connect()


class Names:
    """Keeps what `session/new` named."""

    def __init__(self) -> None:
        self.servers: list[Any] = []

    async def new(self, agent: FakeAgent, call: Call) -> Any:
        assert isinstance(call.params, dict)
        self.servers = list(call.params["mcpServers"])  # type: ignore[arg-type]
        return {"sessionId": "s1"}
