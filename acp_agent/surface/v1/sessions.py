"""The life of sessions over version 1: new, fork, load, resume, list, close, delete."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import anyio

from acp_agent.base.errors import InvalidChoice, SessionNotFound
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.agent_core import Opening
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.session import Session
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, Peer
from acp_agent.surface.backend import Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.client_workspace import ClientWorkspace
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.mcp_channel import McpChannel
from acp_agent.surface.v1.options import mode_state
from acp_agent.surface.v1.servers import to_servers
from acp_agent.surface.v1.wire import read

_ARCHIVED = MappingProxyType({"exclude": False, "include": None, "only": True})
"""What lists are asked for by each value of `archived`."""


class SessionMethods:
    """Handlers for methods that begin, find and end sessions."""

    def __init__(
        self, backend: Backend, peer: Peer, offer: ClientOffer, host: ClientHost, channel: McpChannel
    ) -> None:
        self._backend = backend
        self._channel = channel
        self._peer = peer
        self._offer = offer
        self._host = host

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {
            "session/new": self._new,
            "session/fork": self._fork,
            "session/load": self._load,
            "session/resume": self._resume,
            "session/list": self._list,
            "session/close": self._close,
            "session/delete": self._delete,
        }

    async def _new(self, call: Call) -> JsonValue:
        given = read(params.NewSessionParams, call.params)
        session_id = self._backend.core.new_session_id()
        session = self._backend.core.create(session_id, self._opening(session_id, given))
        self._host.attach(session)
        # Answered before the session's task first runs: no update can come earlier.
        call.answer({"sessionId": session_id, **self._settings(session)})
        session.offering.welcome()
        return None

    async def _fork(self, call: Call) -> JsonValue:
        given = read(params.ForkParams, call.params)
        core = self._backend.core
        session_id = core.new_session_id()
        try:
            session = await core.fork(
                SessionId(given.session_id),
                session_id,
                self._opening(session_id, given),
                at=_fork_point(given.meta),
            )
        except InvalidChoice as exc:
            raise exc.called("_meta.jetbrains.air.fork.messageId") from None
        async with session.journal.hold():
            self._host.attach(session)
            call.answer({"sessionId": session_id, **self._settings(session)})
        session.offering.welcome()
        return None

    async def _load(self, call: Call) -> JsonValue:
        async with self._whole_or_not_at_all(call):
            session = await self._open(call)
            async with session.journal.hold():
                self._host.attach(session)
                await self._host.replay(session, session.stored_events())
                call.answer(self._settings(session))
        session.offering.welcome()
        return None

    async def _resume(self, call: Call) -> JsonValue:
        async with self._whole_or_not_at_all(call):
            session = await self._open(call)
            async with session.journal.hold():
                self._host.attach(session)
                call.answer(self._settings(session))
        session.offering.welcome()
        return None

    @asynccontextmanager
    async def _whole_or_not_at_all(self, call: Call) -> AsyncGenerator[None]:
        """Where opening a session fails or is withdrawn, it is afterwards what it was: open or closed."""
        session_id = read(params.OpenSessionParams, call.params).session_id
        before, shown = self._find(session_id), self._host.shows(SessionId(session_id))
        try:
            yield
        except BaseException:
            session = self._find(session_id)
            if session is not None and session is before and shown:
                self._host.attach(session)
            elif session is not None and session is not before:
                self._host.detach(session.id)
                with anyio.CancelScope(shield=True):  # bounded: a session's end is
                    await session.close()
            raise

    def _find(self, session_id: str) -> Session | None:
        try:
            return self._backend.core.get(session_id)
        except SessionNotFound:
            return None

    async def _open(self, call: Call) -> Session:
        given = read(params.OpenSessionParams, call.params)
        session_id = SessionId(given.session_id)
        self._host.detach(session_id)  # a live session is silent until it is attached again
        return await self._backend.core.open(session_id, self._opening(session_id, given))

    async def _list(self, call: Call) -> JsonValue:
        given = read(params.ListParams, call.params)
        cwd = None if given.cwd is None else _real(given.cwd)
        archived = _ARCHIVED[given.archived or "exclude"]
        page = await self._backend.core.list(cwd=cwd, cursor=given.cursor, archived=archived)
        sessions: list[JsonValue] = []
        for record in page.sessions:
            entry: JsonObject = {"sessionId": record.id, "cwd": record.cwd}
            if record.additional_directories:
                entry["additionalDirectories"] = list(record.additional_directories)
            if record.title is not None:
                entry["title"] = record.title
            entry["updatedAt"] = record.updated_at.isoformat()
            entry["archived"] = record.archived
            sessions.append(entry)
        result: JsonObject = {"sessions": sessions}
        if page.next_cursor is not None:
            result["nextCursor"] = page.next_cursor
        return result

    async def _close(self, call: Call) -> JsonValue:
        given = read(params.SessionParams, call.params)
        await self._backend.core.close(given.session_id)
        self._host.detach(SessionId(given.session_id))
        return {}

    async def _delete(self, call: Call) -> JsonValue:
        given = read(params.SessionParams, call.params)
        await self._backend.core.delete(given.session_id)
        self._host.detach(SessionId(given.session_id))
        return {}

    def _settings(self, session: Session) -> JsonObject:
        return {"modes": mode_state(session), "configOptions": self._host.options(session)}

    def _opening(self, session_id: SessionId, given: params.NewSessionParams) -> Opening:
        roots = (
            _directory(given.cwd, "cwd"),
            *(
                _directory(path, f"additionalDirectories[{index}]")
                for index, path in enumerate(given.additional_directories)
            ),
        )
        base = self._backend.workspace(roots)
        workspace = ClientWorkspace(self._peer, session_id, self._offer, base)
        return Opening(
            self._host,
            workspace,
            self._backend.defaults(roots[0]),
            to_servers(given.mcp_servers),
            client_prompt=_client_prompt(given.system_prompt),
            channel=self._channel,
        )


def _client_prompt(given: params.SystemPromptParams | None) -> ClientPrompt | None:
    if given is None:
        return None
    text = "\n\n".join(block.text for block in given.content)
    return ClientPrompt(text, replaces_rules=given.mode == "override")


def _fork_point(meta: JsonObject | None) -> MessageId | None:
    """The message named in `_meta.jetbrains.air.fork`; the protocol itself has no place for it yet."""
    place: JsonValue = meta
    for key in ("jetbrains", "air", "fork"):
        place = place.get(key) if isinstance(place, dict) else None
    if not isinstance(place, dict) or place.get("version") != 1:
        return None
    message_id = place.get("messageId")
    return MessageId(message_id) if isinstance(message_id, str) and message_id else None


def _real(path: str) -> str:
    # Not pathlib's `resolve`, which raises for links that lead to themselves.
    return os.path.realpath(path)


def _directory(path: str, field: str) -> Path:
    # Nor its `is_dir`, which raises for names no file system allows.
    resolved = _real(path)
    if not os.path.isdir(resolved):
        raise invalid_params(field, f"`{path}` is not an existing directory")
    return Path(resolved)
