"""Version 1 methods: params in, engine calls, results out. The table at the end is the whole surface."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import anyio

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.agent_core import AgentCore, Defaults, Opening
from acp_agent.engine.session import Session
from acp_agent.ports import Workspace
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, Peer, object_params
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import capabilities, wire
from acp_agent.surface.v1.client_workspace import ClientWorkspace
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.options import config_options, mode_state, set_option


class Backend(Protocol):
    """The agent a surface serves."""

    @property
    def core(self) -> AgentCore:
        """Its sessions."""
        ...

    def defaults(self, cwd: Path) -> Defaults:
        """What the settings say about sessions in this directory."""
        ...

    def workspace(self, roots: tuple[Path, ...]) -> Workspace:
        """Local files and processes, confined to these directories."""
        ...

    def log_in(self) -> None:
        """Take up keys that were entered since the start."""
        ...

    def log_out(self) -> None:
        """Forget stored keys."""
        ...


class Router:
    """Handlers of one connection."""

    def __init__(self, backend: Backend, peer: Peer, offer: ClientOffer) -> None:
        self._backend = backend
        self._peer = peer
        self._offer = offer
        self._host = ClientHost(peer, offer)

    def handlers(self) -> dict[str, Handler]:
        """Every method a client may call, by name."""
        return {
            "authenticate": self._authenticate,
            "logout": self._log_out,
            "session/new": self._new,
            "session/load": self._load,
            "session/resume": self._resume,
            "session/list": self._list,
            "session/close": self._close,
            "session/delete": self._delete,
            "session/prompt": self._prompt,
            "session/set_mode": self._set_mode,
            "session/set_config_option": self._set_config_option,
        }

    def cancel(self, params: JsonValue) -> None:
        """`session/cancel`: acts at once; a session that is not open has nothing to cancel."""
        session_id = object_params(params).get("sessionId")
        if isinstance(session_id, str):
            self._backend.core.get(session_id).cancel()

    async def _authenticate(self, call: Call) -> JsonValue:
        params = wire.read(wire.AuthenticateParams, call.params)
        known = [method["id"] for method in capabilities.auth_methods(terminal=self._offer.auth_terminal)]
        if params.method_id not in known:
            raise invalid_params("methodId", f"unknown method; choose one of: {', '.join(map(str, known))}")
        self._backend.log_in()
        return {}

    async def _log_out(self, call: Call) -> JsonValue:
        object_params(call.params)
        self._backend.log_out()
        return {}

    async def _new(self, call: Call) -> JsonValue:
        params = wire.read(wire.NewSessionParams, call.params)
        session_id = self._backend.core.new_session_id()
        session = self._backend.core.create(session_id, self._opening(session_id, params))
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
        params = wire.read(wire.OpenSessionParams, call.params)
        session_id = SessionId(params.session_id)
        self._host.detach(session_id)  # a live session is silent until it is attached again
        return await self._backend.core.open(session_id, self._opening(session_id, params))

    async def _list(self, call: Call) -> JsonValue:
        params = wire.read(wire.ListParams, call.params)
        cwd = None if params.cwd is None else _real(params.cwd)
        page = await self._backend.core.list(cwd=cwd, cursor=params.cursor)
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
        params = wire.read(wire.SessionParams, call.params)
        await self._backend.core.close(params.session_id)
        self._host.detach(SessionId(params.session_id))
        return {}

    async def _delete(self, call: Call) -> JsonValue:
        params = wire.read(wire.SessionParams, call.params)
        await self._backend.core.delete(params.session_id)
        self._host.detach(SessionId(params.session_id))
        return {}

    async def _prompt(self, call: Call) -> JsonValue:
        params = wire.read(wire.PromptParams, call.params)
        session = self._backend.core.get(params.session_id)
        turn_id = session.submit(wire.to_content(params.prompt, session.model))
        self._host.answer_at_end(turn_id, call)
        try:
            await call.wait_answered()
        finally:
            if not call.answered:  # the request itself was withdrawn: the turn ends, and answers
                session.cancel()
                with anyio.CancelScope(shield=True):
                    await call.wait_answered()
        return None

    async def _set_mode(self, call: Call) -> JsonValue:
        params = wire.read(wire.SetModeParams, call.params)
        session = self._backend.core.get(params.session_id)
        try:
            await session.set_mode(params.mode_id)
        except InvalidChoice as exc:
            raise exc.called("modeId") from None
        return {}

    async def _set_config_option(self, call: Call) -> JsonValue:
        params = wire.read(wire.SetOptionParams, call.params)
        session = self._backend.core.get(params.session_id)
        await set_option(session, params.config_id, params.value)
        return {"configOptions": config_options(session)}

    def _opening(self, session_id: SessionId, params: wire.NewSessionParams) -> Opening:
        roots = (
            _directory(params.cwd, "cwd"),
            *(
                _directory(path, f"additionalDirectories[{index}]")
                for index, path in enumerate(params.additional_directories)
            ),
        )
        base = self._backend.workspace(roots)
        workspace = ClientWorkspace(self._peer, session_id, self._offer, base)
        return Opening(
            self._host, workspace, self._backend.defaults(roots[0]), wire.to_servers(params.mcp_servers)
        )


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
