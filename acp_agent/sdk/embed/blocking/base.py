"""What a blocking session is, and how its calls reach the loop of its agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from acp_agent.base.jsontext import JsonObject
from acp_agent.sdk.embed.blocking.loop_thread import LoopThread
from acp_agent.sdk.embed.errors import AgentClosed, SessionClosed
from acp_agent.sdk.embed.sessions.session import AsyncSession

P = ParamSpec("P")
T = TypeVar("T")


class BlockingBase:
    """What the parts of `Session` share."""

    def __init__(self, session: AsyncSession, loop: LoopThread, agent: object) -> None:
        self._inner = session
        self._loop = loop
        self._agent = agent  # which lives as long as one of its sessions

    @property
    def session_id(self) -> str:
        """Its id; may also be called."""
        return self._inner.session_id

    @property
    def workspace(self) -> str:
        """Its working directory."""
        return self._inner.workspace

    @property
    def model(self) -> str:
        """The model that is asked, `provider/model`."""
        return self._inner.model

    @property
    def tenant_id(self) -> str | None:
        """The label: whose session it is."""
        return self._inner.tenant_id

    @property
    def principal(self) -> str | None:
        """The label: who wanted it."""
        return self._inner.principal

    @property
    def agent_template_id(self) -> str | None:
        """The label: what it was made from."""
        return self._inner.agent_template_id

    @property
    def correlation_id(self) -> str | None:
        """The label: the trace it belongs to."""
        return self._inner.correlation_id

    @property
    def init_warning(self) -> str | None:
        """What was wrong when it was opened, if anything."""
        return self._inner.init_warning

    @property
    def tool_names(self) -> list[str]:
        """The tools it has now."""
        return self._inner.tool_names

    @property
    def tool_definitions(self) -> list[JsonObject]:
        """The same as the model is told of them: `name`, `description` and `parameters`, a JSON Schema."""
        return self._inner.tool_definitions

    def _wait(self, method: Callable[P, Awaitable[T] | T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._loop.call(method, *args, **kwargs)
        except AgentClosed as exc:
            raise SessionClosed(str(self.session_id)) from exc

    def _look(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Nothing changes a session whose loop has ended, so it can be looked at from here."""
        if self._loop.is_over:
            return method(*args, **kwargs)
        return self._loop.call(method, *args, **kwargs)
