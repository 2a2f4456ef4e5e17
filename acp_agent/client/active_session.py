"""A session that is open with an agent: prompts in, updates and stop reasons out, in the agent's order."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import msgspec

from acp_agent.base.errors import ConnectionLost
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
_Item: TypeAlias = SessionMessage | RpcError | ConnectionLost | BadAgent


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
        return _stop_reason(await self._sent.wait())

    def __await__(self) -> Generator[Any, None, str]:
        return self.wait().__await__()


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
        self._told_loss = False  # whether a reader will see that the agent is gone
        self._send, self._inbox = anyio.create_memory_object_stream[_Item](math.inf)
        connection.dispatcher.open_sessions.add(self)
        connection.dispatcher.add_route(session_id, Route(self._take, self._lose))

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
            SessionChannelClosed: the session was closed here.
        """
        if self._closed:
            raise SessionChannelClosed(self.id)
        blocks: list[JsonValue] = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else [*prompt]
        self.conversation.add_prompt(blocks)
        sent = self._connection.send_request("session/prompt", {"sessionId": self.id, "prompt": blocks})
        sent.on_result(self._take_end)
        return PromptHandle(self, sent)

    async def read_update(self) -> SessionMessage:
        """The next thing the agent said: an update, or that a prompt has stopped.

        Raises:
            RpcError, BadAgent: a prompt failed; what the agent says later can still be read.
            AgentLost: the agent is gone; the error tells its last words.
            SessionChannelClosed: nothing more will come.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        forbid_in_handler("reading a session")
        try:
            item = await self._inbox.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise SessionChannelClosed(self.id) from None
        if isinstance(item, Update | Stopped):
            return item
        raise item

    def read_nowait(self) -> SessionMessage | None:
        """The next thing the agent said, if it has said it already.

        Raises:
            RpcError, BadAgent, AgentLost, SessionChannelClosed: as `read_update`.
        """
        try:
            item = self._inbox.receive_nowait()
        except anyio.WouldBlock:
            return None
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise SessionChannelClosed(self.id) from None
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
        """Send a prompt and return the agent's words in reply.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        self.send_prompt(prompt)
        return await self.read_to_string()

    async def stream(self, prompt: str | Sequence[JsonObject]) -> AsyncGenerator[Update, None]:
        """Send a prompt and yield its turn's updates. Closed early, it cancels the turn and reads it out.

        Raises:
            RpcError, ConnectionLost: as `read_update`.
        """
        self.send_prompt(prompt)
        try:
            while isinstance(message := await self.read_update(), Update):
                yield message
        except GeneratorExit:
            self.cancel()
            await self.read_to_string()
            raise

    def cancel(self) -> None:
        """Ask the agent to end what it is doing in this session."""
        self._connection.notify("session/cancel", {"sessionId": self.id})

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
        self._connection.dispatcher.remove_route(self.id)
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
        if not self._closed and not self._told_loss:
            self._send.send_nowait(error)
        self.detach()

    async def _take_end(self, outcome: Outcome) -> None:
        if self._closed:
            return
        if isinstance(outcome, RpcError | ConnectionLost):
            self.conversation.stop_reason = None
            self._told_loss = isinstance(outcome, ConnectionLost)
            self._send.send_nowait(outcome)
            return
        try:
            stop_reason = _stop_reason(outcome)
        except BadAgent as exc:
            self._send.send_nowait(exc)
            return
        self.conversation.stop_reason = stop_reason
        self._send.send_nowait(Stopped(stop_reason, outcome))


def _stop_reason(response: JsonObject) -> str:
    stop_reason = response.get("stopReason")
    if not isinstance(stop_reason, str):
        raise BadAgent("session/prompt", "stopReason")
    return stop_reason


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
