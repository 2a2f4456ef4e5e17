"""The same client for scripts: every call waits, no `await` anywhere.

    with connect_blocking(["acp-agent"]) as agent, agent.session() as session:
        print(session.prompt("What is 2 + 2?"))
        for update in session.stream("And 3 + 3?"):
            print(update.text, end="")

The connection lives on an event loop in a thread of its own, so this works in any thread, inside a running
event loop too (which then waits), and one session may be cancelled from another thread.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.active_session import ActiveSession, SessionMessage, Update
from acp_agent.client.client import Client
from acp_agent.client.connection import ENDED, Connection
from acp_agent.client.conversation import Conversation
from acp_agent.client.session_builder import AttachedServer, SessionBuilder

ResultT = TypeVar("ResultT")
ArgsT = TypeVarTuple("ArgsT")


@contextmanager
def connect_blocking(
    agent: Sequence[str] | AbstractAsyncContextManager[Connection],
    *,
    client: Client | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    silence: float | None = None,
) -> Generator[BlockingAgent, None, None]:
    """Start an agent's command, or enter one of a client's connections; it ends with the context.

    Handlers of `client` run on the connection's own event loop. With `silence`, an agent that is waited for
    and does not say a word for so many seconds is given up: every call may then raise `AgentLost`.

    Raises:
        AgentNotStarted, AgentLost, BadAgent, RpcError: as `Client.start`.
    """
    if isinstance(agent, AbstractAsyncContextManager):
        opening = agent
    else:
        opening = (client or Client()).start(agent, cwd=cwd, env=env)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opening) as connection:
        wait = _Wait(connection, portal, silence)
        try:
            yield BlockingAgent(connection, wait)
        finally:
            wait.is_over = True


class _Wait:
    """Runs async code for a thread that waits, for as long as an agent may be silent."""

    def __init__(self, connection: Connection, portal: BlockingPortal, silence: float | None) -> None:
        self._connection = connection
        self._portal = portal
        self._silence = silence
        self.is_bounded = silence is not None
        self.is_over = False  # whether the connection was closed

    @property
    def at_once(self):
        """Runs something on the event loop and returns what it returns, however long it takes.

        Raises:
            ConnectionLost: the connection was closed here.
        """
        if self.is_over:
            raise ConnectionLost(ENDED)
        return self._portal.call

    def call(self, work: Callable[[*ArgsT], Awaitable[ResultT]], *args: *ArgsT) -> ResultT:
        """What `work` returns; raises `AgentLost` if it takes too long, and as `at_once`."""

        async def bounded() -> ResultT:
            with anyio.move_on_after(self._silence):
                return await work(*args)
            raise self._connection.lost(f"said nothing for {self._silence:g} s")

        return self.at_once(bounded)


class BlockingAgent:
    """An initialized agent; `Connection` for scripts. Made by `connect_blocking`."""

    def __init__(self, connection: Connection, wait: _Wait) -> None:
        self._connection = connection
        self._wait = wait

    @property
    def agent(self) -> JsonObject:
        """The result of `initialize`."""
        return self._connection.agent

    @property
    def capabilities(self) -> JsonObject:
        """The `agentCapabilities`; empty if the agent advertised none."""
        return self._connection.capabilities

    def session(
        self, cwd: str | Path = ".", *, mcp_servers: Sequence[AttachedServer | JsonObject] = ()
    ) -> BlockingSession:
        """A new session in this directory, a context manager; without `with`, call its `close`."""
        return self._open(self._connection.build_session(Path(cwd).resolve()), mcp_servers)

    def load_session(
        self,
        session_id: str,
        cwd: str | Path = ".",
        *,
        mcp_servers: Sequence[AttachedServer | JsonObject] = (),
    ) -> BlockingSession:
        """A stored session with its history."""
        return self._open(self._connection.load_session(session_id, Path(cwd).resolve()), mcp_servers)

    def resume_session(
        self,
        session_id: str,
        cwd: str | Path = ".",
        *,
        mcp_servers: Sequence[AttachedServer | JsonObject] = (),
    ) -> BlockingSession:
        """A stored session without its history."""
        return self._open(self._connection.resume_session(session_id, Path(cwd).resolve()), mcp_servers)

    def fork_session(
        self,
        session_id: str,
        cwd: str | Path = ".",
        *,
        mcp_servers: Sequence[AttachedServer | JsonObject] = (),
    ) -> BlockingSession:
        """A new session that begins with another's history."""
        return self._open(self._connection.fork_session(session_id, Path(cwd).resolve()), mcp_servers)

    def list_sessions(
        self, *, cwd: str | Path | None = None, cursor: str | None = None
    ) -> tuple[list[JsonObject], str | None]:
        """One page of the sessions the agent knows, and the cursor of the next page or None."""

        async def ask() -> tuple[list[JsonObject], str | None]:
            return await self._connection.list_sessions(cwd=cwd, cursor=cursor)

        return self._wait.call(ask)

    def all_sessions(self, *, cwd: str | Path | None = None) -> list[JsonObject]:
        """All of them."""

        async def ask() -> list[JsonObject]:
            return [entry async for entry in self._connection.all_sessions(cwd=cwd)]

        return self._wait.call(ask)

    def request(self, method: str, params: JsonObject) -> JsonObject:
        """Any request; a result that is null counts as empty."""
        return self._wait.call(self._connection.request, method, params)

    def notify(self, method: str, params: JsonObject) -> None:
        """Any notification."""
        self._wait.at_once(self._connection.notify, method, params)

    def run(self, work: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
        """Run async code with the connection, on its event loop; for what is missing here."""
        return self._wait.at_once(work, self._connection)

    def _open(
        self, builder: SessionBuilder, servers: Sequence[AttachedServer | JsonObject]
    ) -> BlockingSession:
        for server in servers:
            builder = builder.with_mcp_server(server)
        return BlockingSession(self._wait.call(builder.start_session), self._wait)


class BlockingSession:
    """An open session; `ActiveSession` for scripts."""

    def __init__(self, session: ActiveSession, wait: _Wait) -> None:
        self._session = session
        self._wait = wait
        self.id = session.id
        self.response = session.response

    def __enter__(self) -> BlockingSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def conversation(self) -> Conversation:
        """The whole state of the session as it is at this moment; a copy."""
        if self._wait.is_over:
            return copy.deepcopy(self._session.conversation)
        return self._wait.at_once(copy.deepcopy, self._session.conversation)

    @property
    def modes(self) -> JsonObject:
        """`SessionModeState` as it was when the session was opened; empty without modes."""
        return self._session.modes

    @property
    def mode(self) -> str | None:
        """The current mode's id; None without modes."""
        return self._session.mode

    @property
    def config_options(self) -> list[JsonValue]:
        """The config options as they are now."""
        return self._session.config_options

    @property
    def meta(self) -> JsonObject:
        """The agent's `_meta` of the answer that opened the session."""
        return self._session.meta

    def prompt(self, prompt: str | Sequence[JsonObject]) -> str:
        """Send a prompt and return the agent's words in reply.

        Raises:
            RpcError: the turn failed.
            AgentLost: the agent is gone; the error tells its last words.
            SessionChannelClosed: the session was closed.
        """
        self.send_prompt(prompt)
        return self.read_to_string()

    def stream(self, prompt: str | Sequence[JsonObject]) -> Iterator[Update]:
        """Send a prompt and yield its turn's updates; leaving the loop early cancels the turn.

        Raises:
            RpcError, ConnectionLost: as `prompt`.
        """
        self.send_prompt(prompt)
        try:
            yield from self.updates()
        except GeneratorExit:
            self.cancel()
            self.read_to_string()
            raise

    def send_prompt(self, prompt: str | Sequence[JsonObject]) -> None:
        """Send a prompt without waiting; its stop reason is read behind its updates."""

        def send() -> None:
            self._session.send_prompt(prompt)

        self._wait.at_once(send)

    def read_update(self) -> SessionMessage:
        """The next thing the agent said: an update, or that a prompt has stopped."""
        return self._wait.call(self._session.read_update)

    def read_nowait(self) -> SessionMessage | None:
        """The next thing the agent said, if it has said it already."""
        return self._wait.at_once(self._session.read_nowait)

    def updates(self) -> Iterator[Update]:
        """The updates until the next stop; `conversation.stop_reason` then tells why."""
        while isinstance(message := self.read_update(), Update):
            yield message

    def read_to_string(self) -> str:
        """The agent's words until the next stop, joined; other updates are skipped."""
        if not self._wait.is_bounded:
            return self._wait.call(self._session.read_to_string)  # crosses to the other thread once
        words = [update.text for update in self.updates() if update.kind == "agent_message_chunk"]
        return "".join(words)

    def cancel(self) -> None:
        """Ask the agent to end what it is doing in this session."""
        self._wait.at_once(self._session.cancel)

    def set_mode(self, mode_id: str) -> None:
        """Choose a mode (`session/set_mode`)."""
        self._wait.call(self._session.set_mode, mode_id)

    def set_option(self, option_id: str, value: str | bool) -> list[JsonValue]:
        """Choose an option's value (`session/set_config_option`); the complete list as it then is."""
        return self._wait.call(self._session.set_option, option_id, value)

    def close(self) -> None:
        """Take no more updates and end the servers of this process; the agent keeps the session."""
        if not self._wait.is_over:
            self._wait.at_once(self._session.aclose)
