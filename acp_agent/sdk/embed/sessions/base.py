"""What a session is: its id, its folder, its model, its labels and its tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.jsontext import JsonObject
from acp_agent.sdk.embed.errors import SessionClosed
from acp_agent.sdk.embed.sessions.tokens import CancellationToken

if TYPE_CHECKING:
    from acp_agent.sdk.embed.opening.session_opening import Opened


class SessionBase:
    """What the parts of `AsyncSession` share."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._session = opened.session
        self._host = opened.host
        self._token = CancellationToken()
        self._closed = False

    @property
    def session_id(self) -> str:
        """Its id; also a function of its own name's old spelling, `session_id()`."""
        return _Callable(self._session.id)

    @property
    def workspace(self) -> str:
        """Its working directory."""
        return str(self._session.workspace.roots[0])

    @property
    def model(self) -> str:
        """The model that is asked, `provider/model`."""
        return self._session.state.model

    @property
    def tenant_id(self) -> str | None:
        """The label: whose session it is."""
        return self._label("tenant_id")

    @property
    def principal(self) -> str | None:
        """The label: who wanted it."""
        return self._label("principal")

    @property
    def agent_template_id(self) -> str | None:
        """The label: what it was made from."""
        return self._label("agent_template_id")

    @property
    def correlation_id(self) -> str | None:
        """The label: the trace it belongs to."""
        return self._label("correlation_id")

    @property
    def init_warning(self) -> str | None:
        """What was wrong when it was opened, if anything."""
        return "\n".join(self._opened.warnings) or None

    @property
    def tool_names(self) -> list[str]:
        """The tools it has now."""
        return list(self._opened.tools())

    @property
    def tool_definitions(self) -> list[JsonObject]:
        """The same as the model is told of them: `name`, `description` and `parameters`, a JSON Schema."""
        return [
            {
                "name": tool.spec.name,
                "description": tool.spec.description,
                "parameters": dict(tool.spec.input_schema),
            }
            for tool in self._opened.tools().values()
        ]

    def _check_open(self) -> None:
        if self._closed or self._session.is_closed or self._token.is_cancelled:
            raise SessionClosed(self._session.id)

    def _label(self, name: str) -> str | None:
        return self._session.record.labels.get(name)


class _Callable(str):
    """An id that may also be called, as older programs do."""

    __slots__ = ()

    def __call__(self) -> str:
        return str(self)
