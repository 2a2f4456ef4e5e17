"""What version 1 does with sessions that need not be open: their status, their title, the archive."""

from __future__ import annotations

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonValue
from acp_agent.engine.titles import shorten
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler
from acp_agent.surface.backend import Backend
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.wire import read

MAX_TITLE = 200
"""Characters of a title that the user gives."""


class ShelfMethods:
    """Handlers for methods that leave a session closed if it is."""

    def __init__(self, backend: Backend, host: ClientHost) -> None:
        self._backend = backend
        self._host = host

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {
            "session/status": self._status,
            "session/set_title": self._set_title,
            "session/archive": self._archive,
            "session/unarchive": self._unarchive,
        }

    async def _status(self, call: Call) -> JsonValue:
        return {"status": await self._backend.core.shelf.status(_session(call))}

    async def _set_title(self, call: Call) -> JsonValue:
        given = read(params.SetTitleParams, call.params)
        title = shorten(given.title, MAX_TITLE)
        if not title:
            raise invalid_params("title", "must have a visible character")
        await self._backend.core.shelf.set_title(SessionId(given.session_id), title)
        return {"title": title}

    async def _archive(self, call: Call) -> JsonValue:
        session_id = _session(call)
        await self._backend.core.shelf.archive(session_id)
        self._host.detach(session_id)
        return {}

    async def _unarchive(self, call: Call) -> JsonValue:
        await self._backend.core.shelf.unarchive(_session(call))
        return {}


def _session(call: Call) -> SessionId:
    return SessionId(read(params.SessionParams, call.params).session_id)
