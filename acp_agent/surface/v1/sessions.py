"""The life of sessions over version 1: new, load, resume, list, close, delete."""

from __future__ import annotations

import os
from pathlib import Path

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.agent_core import Opening
from acp_agent.engine.session import Session
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, Peer
from acp_agent.surface.backend import Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.client_workspace import ClientWorkspace
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.options import config_options, mode_state
from acp_agent.surface.v1.servers import to_servers
from acp_agent.surface.v1.wire import read


class SessionMethods:
    """Handlers for methods that begin, find and end sessions."""

    def __init__(self, backend: Backend, peer: Peer, offer: ClientOffer, host: ClientHost) -> None:
        self._backend = backend
        self._peer = peer
        self._offer = offer
        self._host = host

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {
            "session/new": self._new,
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
        call.answer({"sessionId": session_id, **_settings(session)})
        return None

    async def _load(self, call: Call) -> JsonValue:
        session = await self._open(call)
        async with session.journal.hold():
            self._host.attach(session)
            await self._host.replay(session, session.stored_events())
            call.answer(_settings(session))
        return None

    async def _resume(self, call: Call) -> JsonValue:
        session = await self._open(call)
        async with session.journal.hold():
            self._host.attach(session)
            call.answer(_settings(session))
        return None

    async def _open(self, call: Call) -> Session:
        given = read(params.OpenSessionParams, call.params)
        session_id = SessionId(given.session_id)
        self._host.detach(session_id)  # a live session is silent until it is attached again
        return await self._backend.core.open(session_id, self._opening(session_id, given))

    async def _list(self, call: Call) -> JsonValue:
        given = read(params.ListParams, call.params)
        cwd = None if given.cwd is None else _real(given.cwd)
        page = await self._backend.core.list(cwd=cwd, cursor=given.cursor)
        sessions: list[JsonValue] = []
        for record in page.sessions:
            entry: JsonObject = {"sessionId": record.id, "cwd": record.cwd}
            if record.additional_directories:
                entry["additionalDirectories"] = list(record.additional_directories)
            if record.title is not None:
                entry["title"] = record.title
            entry["updatedAt"] = record.updated_at.isoformat()
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
        return Opening(self._host, workspace, self._backend.defaults(roots[0]), to_servers(given.mcp_servers))


def _settings(session: Session) -> JsonObject:
    return {"modes": mode_state(session), "configOptions": config_options(session)}


def _real(path: str) -> str:
    # Not pathlib's `resolve`, which raises for links that lead to themselves.
    return os.path.realpath(path)


def _directory(path: str, field: str) -> Path:
    # Nor its `is_dir`, which raises for names no file system allows.
    resolved = _real(path)
    if not os.path.isdir(resolved):
        raise invalid_params(field, f"`{path}` is not an existing directory")
    return Path(resolved)
