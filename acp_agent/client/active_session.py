"""A session that is open with an agent: prompts in, updates and stop reasons out, in the agent's order."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio
import msgspec

from acp_agent.base.errors import AcpAgentError, ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.conversation import Conversation
from acp_agent.client.dispatch import Route, forbid_in_handler
from acp_agent.client.errors import BadAgent, SessionChannelClosed
from acp_agent.client.sent import Outcome, SentRequest
from acp_agent.rpc.errors import RpcError

if TYPE_CHECKING:
    from acp_agent.client.connection import Connection


class Update(msgspec.Struct, frozen=True):
    """One `session/update`: `data["sessionUpdate"]` says of which kind."""

    data: JsonObject

    @property
    def kind(self) -> str:
        """The kind, such as `agent_message_chunk`; empty if the agent did not say."""
        kind = self.data.get("sessionUpdate")
        return kind if isinstance(kind, str) else ""

    @property
    def text(self) -> str:
        """The text of a chunk; empty for everything else."""
        content = self.data.get("content")
        text = content.get("text") if isinstance(content, dict) else None
        return text if isinstance(text, str) else ""


class Stopped(msgspec.Struct, frozen=True):
    """A prompt was answered; every update of its turn was read before."""

    stop_reason: str
    response: JsonObject


SessionMessage: TypeAlias = Update | Stopped
_STOP_REASON = "a valid `stopReason`"
_ENDS = (anyio.EndOfStream, anyio.ClosedResourceError)
_Item: TypeAlias = SessionMessage | RpcError | BadAgent


class PromptHandle:
    """A prompt on its way. Awaiting it gives its stop reason; it need not be awaited."""

    def __init__(self, session: ActiveSession, sent: SentRequest) -> None:
        self._session = session
        self._sent = sent

    def cancel(self) -> None:
        """Ask the agent to end the turn; it then stops as `cancelled`."""
        self._session.cancel()

    async def wait(self) -> str:
        """The stop reason.

        Raises:
            RpcError: the turn failed.
            ConnectionLost: the agent is gone.
            BadAgent: it answered without a stop reason.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        stop_reason = (await self._sent.wait()).get("stopReason")
        if not isinstance(stop_reason, str):
            raise self._session.connection.bad("session/prompt", _STOP_REASON)
        return stop_reason

    def __await__(self) -> Generator[Any, None, str]:
        return self.wait().__await__()


class TurnStream:
    """The updates of one prompt's turn. Left early, by `break` or `aclose`, it cancels the turn."""

    def __init__(self, session: ActiveSession, prompt: str | Sequence[JsonObject]) -> None:
        self._session = session
        self._prompt = prompt
        self._prompt_is_sent = False
        self._is_running = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        """The next update; the first one is waited for when the prompt is sent.

        Raises:
            RpcError, ConnectionLost, BadAgent, DispatchDeadlock: as `ActiveSession.read_update`.
        """
        if not self._prompt_is_sent:
            await self._session.read_out()
            self._session.send_prompt(self._prompt)
            self._prompt_is_sent = self._is_running = True
        if not self._is_running:
            raise StopAsyncIteration
        try:
            message = await self._session.read_update()
        except AcpAgentError:
            self._is_running = False
            raise
        if isinstance(message, Stopped):
            self._is_running = False
            raise StopAsyncIteration
        return message

    def leave(self) -> None:
        """Cancel the turn, if it runs; nobody reads what is left of it."""
        if self._is_running:
            self._is_running = False
            self._session.leave_turn()

    async def aclose(self) -> None:
        """Leave, and wait until the turn has stopped."""
        self.leave()
        await self._session.read_out()

    def __del__(self) -> None:
        self.leave()


class ActiveSession:
    """Made by a `SessionBuilder`. Everything the agent says is kept until it is read.

    Attributes:
        id: the session's id.
        response: what the agent answered when the session was opened.
        conversation: the whole state of the session so far, whether or not its updates were read.
    """

    def __init__(self, connection: Connection, session_id: str, servers: AsyncExitStack) -> None:
        self.id = session_id
        self.response: JsonObject = {}
        self.conversation = Conversation()
        self._connection = connection
        self._servers = servers
        self._closed = False
        self._loss: ConnectionLost | None = None  # why the agent says nothing more
        self._n_left = 0  # turns that are cancelled, and what is left of them is for nobody
        self._send, self._inbox = anyio.create_memory_object_stream[_Item](math.inf)
        connection.dispatcher.open_sessions.add(self)
        self._route = Route(self._take, self._lose)
        connection.dispatcher.add_route(session_id, self._route)

    @property
    def connection(self) -> Connection:
        """The connection it lives on."""
        return self._connection

    @property
    def modes(self) -> JsonObject:
        """`SessionModeState` as it was when the session was opened; empty without modes."""
        return _object(self.response.get("modes"))

    @property
    def mode(self) -> str | None:
        """The current mode's id; None without modes."""
        mode = self.conversation.mode or self.modes.get("currentModeId")
        return mode if isinstance(mode, str) else None

    @property
    def config_options(self) -> list[JsonValue]:
        """The config options as they are now."""
        options = self.conversation.config_options or self.response.get("configOptions")
        return options if isinstance(options, list) else []

    @property
    def meta(self) -> JsonObject:
        """The agent's `_meta` of the answer that opened the session."""
        return _object(self.response.get("_meta"))

    def send_prompt(self, prompt: str | Sequence[JsonObject]) -> PromptHandle:
        """Send a prompt, text or content blocks, without waiting; its stop reason is read behind its updates.

        Raises:
            AgentLost: the agent is gone; the error tells its last words.
            SessionChannelClosed: the session was closed here.
        """
        if self._closed:
            raise self._loss or SessionChannelClosed(self.id)
        blocks: list[JsonValue] = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else [*prompt]
        sent = self._connection.send_request("session/prompt", {"sessionId": self.id, "prompt": blocks})
        self.conversation.add_prompt(blocks)
        sent.on_result(self._take_end)
        return PromptHandle(self, sent)

    async def read_update(self) -> SessionMessage:
        """The next thing the agent said: an update, or that a prompt has stopped.

        Raises:
            RpcError, BadAgent: a prompt failed; what the agent says later can still be read.
            AgentLost: the agent is gone; the error tells its last words.
            SessionChannelClosed: the session was closed here.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        await self.read_out()
        item = await self._receive()
        if isinstance(item, Update | Stopped):
            return item
        raise item

    async def read_out(self) -> None:
        """Read what is left of turns that were left, so that what is read next is of the turn behind them."""
        forbid_in_handler("reading a session")
        while self._n_left:
            self._skip(await self._receive())

    def read_nowait(self) -> SessionMessage | None:
        """The next thing the agent said, if it has said it already.

        Raises:
            RpcError, BadAgent, AgentLost, SessionChannelClosed: as `read_update`.
        """
        try:
            while self._skip(item := self._inbox.receive_nowait()):
                pass
        except anyio.WouldBlock:
            return None
        except _ENDS:
            raise self._loss or SessionChannelClosed(self.id) from None
        if isinstance(item, Update | Stopped):
            return item
        raise item

    async def updates(self) -> AsyncIterator[Update]:
        """The updates until the next stop; `conversation.stop_reason` then tells why.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        while isinstance(message := await self.read_update(), Update):
            yield message

    async def read_to_string(self) -> str:
        """The agent's words until the next stop, joined; other updates are skipped.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        words = [update.text async for update in self.updates() if update.kind == "agent_message_chunk"]
        return "".join(words)

    async def prompt(self, prompt: str | Sequence[JsonObject]) -> str:
        """Send a prompt and return the agent's words in reply. Cancelling the caller cancels the turn.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        turn = self.stream(prompt)
        try:
            return "".join([update.text async for update in turn if update.kind == "agent_message_chunk"])
        finally:
            turn.leave()

    def stream(self, prompt: str | Sequence[JsonObject]) -> TurnStream:
        """Send a prompt and go through its turn's updates: `async for update in session.stream("…")`.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        return TurnStream(self, prompt)

    def cancel(self) -> None:
        """Ask the agent to end what it is doing in this session, and answer what it still asks with that."""
        self._connection.notify("session/cancel", {"sessionId": self.id})
        self._connection.dispatcher.cancel_permission_requests(self.id)

    def leave_turn(self) -> None:
        """Cancel the turn that is being read; what is left of it is skipped by whoever reads next."""
        if not self._closed:
            self.cancel()
            self._n_left += 1

    async def set_mode(self, mode_id: str) -> None:
        """Choose a mode (`session/set_mode`).

        Raises:
            RpcError: the agent refused.
        """
        await self._connection.request("session/set_mode", {"sessionId": self.id, "modeId": mode_id})
        self.conversation.mode = mode_id

    async def set_option(self, option_id: str, value: str | bool) -> list[JsonValue]:
        """Choose an option's value (`session/set_config_option`); the complete list as it then is.

        Raises:
            RpcError: the agent refused.
        """
        params: JsonObject = {"sessionId": self.id, "configId": option_id, "value": value}
        if isinstance(value, bool):
            params["type"] = "boolean"
        result = await self._connection.request("session/set_config_option", params)
        options = result.get("configOptions")
        self.conversation.config_options = options if isinstance(options, list) else []
        return self.config_options

    def detach(self) -> None:
        """Take no more updates; a reader that waits is told that the channel is closed."""
        self._closed = True
        self._connection.dispatcher.remove_route(self.id, self._route)
        self._send.close()

    async def aclose(self) -> None:
        """Detach and end the servers of this process that were attached; the agent keeps the session."""
        self.detach()
        self._inbox.close()
        self._connection.dispatcher.open_sessions.discard(self)
        await self._servers.aclose()

    def _take(self, update: JsonObject) -> None:
        self.conversation.apply(update)
        if not self._closed:
            self._send.send_nowait(Update(update))

    def _lose(self, error: ConnectionLost) -> None:
        if not self._closed:
            self._loss = self._loss or error
        self.detach()

    async def _take_end(self, outcome: Outcome) -> None:
        if self._closed:
            return
        self.conversation.stop_reason = None
        if isinstance(outcome, ConnectionLost):
            self._lose(outcome)
        elif isinstance(outcome, RpcError):
            self._send.send_nowait(outcome)
        elif isinstance(stop_reason := outcome.get("stopReason"), str):
            self.conversation.stop_reason = stop_reason
            self._send.send_nowait(Stopped(stop_reason, outcome))
        else:
            self._send.send_nowait(self._connection.bad("session/prompt", _STOP_REASON))

    async def _receive(self) -> _Item:
        try:
            return await self._inbox.receive()
        except _ENDS:
            raise self._loss or SessionChannelClosed(self.id) from None

    def _skip(self, item: _Item) -> bool:
        """Whether this is of a turn that was left; its end is what ends it."""
        if not self._n_left:
            return False
        if not isinstance(item, Update):
            self._n_left -= 1
        return True


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
