"""Prompts over version 1, their cancellation, and what the user chooses between them."""

from __future__ import annotations

import anyio

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.jsontext import JsonValue
from acp_agent.base.trace import read_trace
from acp_agent.rpc.peer import Call, Handler, object_params
from acp_agent.surface.backend import Backend
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.blocks import to_content
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.options import set_option
from acp_agent.surface.v1.wire import read


class TurnMethods:
    """Handlers for methods a client calls while a session is open."""

    def __init__(self, backend: Backend, host: ClientHost) -> None:
        self._backend = backend
        self._host = host

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {
            "session/prompt": self._prompt,
            "session/set_mode": self._set_mode,
            "session/set_config_option": self._set_config_option,
        }

    def cancel(self, params: JsonValue) -> None:
        """`session/cancel`: acts at once; a session that is not open has nothing to cancel."""
        session_id = object_params(params).get("sessionId")
        if isinstance(session_id, str):
            self._backend.core.cancel(session_id)

    async def _prompt(self, call: Call) -> JsonValue:
        given = read(params.PromptParams, call.params)
        session = self._backend.core.get(given.session_id)
        trace = read_trace(object_params(call.params).get("_meta"))
        turn_id = session.submit(to_content(given.prompt, session.model), trace)
        self._host.answer_at_end(session.id, turn_id, call)
        try:
            await call.wait_answered()
        finally:
            if not call.answered:  # the request itself was withdrawn: the turn ends, and answers
                session.cancel()
                with anyio.CancelScope(shield=True):
                    await call.wait_answered()
        return None

    async def _set_mode(self, call: Call) -> JsonValue:
        given = read(params.SetModeParams, call.params)
        session = self._backend.core.get(given.session_id)
        try:
            await session.set_mode(given.mode_id)
        except InvalidChoice as exc:
            raise exc.called("modeId") from None
        return {}

    async def _set_config_option(self, call: Call) -> JsonValue:
        given = read(params.SetOptionParams, call.params)
        session = self._backend.core.get(given.session_id)
        await set_option(session, given.config_id, given.value)
        return {"configOptions": self._host.options(session)}
