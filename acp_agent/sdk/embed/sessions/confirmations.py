"""Calls that wait until the program that embeds the agent confirms them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import anyio
import msgspec
from anyio import to_thread

from acp_agent.base.errors import FOREIGN_FAILURES
from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Decision, PermissionRequest
from acp_agent.model.question import NOBODY_TO_ASK, Answer, Question
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy

if TYPE_CHECKING:
    from acp_agent import ports


logger = logging.getLogger(__name__)

QUERIES = ("read", "search", "fetch")
"""Kinds of calls whose lane is `query`; that of all others is `execute`."""


class PendingConfirmation(msgspec.Struct, frozen=True):
    """A call that waits to be confirmed; `remaining_ms` of `timeout_ms` milliseconds are left for that."""

    tool_id: str
    tool_name: str
    args: JsonObject
    timeout_ms: int
    session_id: str
    title: str = ""
    remaining_ms: int = 0


Confirm: TypeAlias = Callable[[PendingConfirmation], bool | Awaitable[bool]]
"""Says whether a call may run; one that raises has said no. A plain function is called in a thread."""


class _Waiting:
    def __init__(self, asked: PendingConfirmation) -> None:
        self._asked = asked
        self._ends_at = anyio.current_time() + asked.timeout_ms / 1000
        self.answered = anyio.Event()
        self.approved = False

    def shown(self) -> PendingConfirmation:
        left = max(0, round((self._ends_at - anyio.current_time()) * 1000))
        return msgspec.structs.replace(self._asked, remaining_ms=left)


class Confirmations:
    """The broker of a session: waits for the program's answers.

    Without a `policy` that is enabled and without a `manager` every question is answered with no.
    """

    def __init__(
        self,
        session_id: SessionId,
        tell: Callable[[AgentEvent], None],
        policy: ConfirmationPolicy | None,
        manager: Confirm | None,
    ) -> None:
        self._session_id = session_id
        self._tell = tell
        self._policy = policy
        self._manager = manager
        self._waiting: dict[str, _Waiting] = {}

    def pending(self) -> list[PendingConfirmation]:
        """The calls that wait now, in the order they were asked about."""
        return [waiting.shown() for waiting in self._waiting.values()]

    def answer(self, tool_id: str, *, approved: bool, reason: str | None) -> bool:
        """Confirm or refuse a call; False if none of this id waits."""
        waiting = self._waiting.pop(tool_id, None)
        if waiting is None:
            return False
        waiting.approved = approved
        self._tell(AgentEvent("confirmation_received", tool_id=tool_id, approved=approved, reason=reason))
        waiting.answered.set()
        return True

    def refuse_all(self, reason: str) -> None:
        """Refuse everything that waits."""
        for tool_id in list(self._waiting):
            self.answer(tool_id, approved=False, reason=reason)

    async def ask(self, request: PermissionRequest) -> Decision:
        """The program's answer to the engine's question."""
        policy = self._policy or ConfirmationPolicy(enabled=self._manager is not None)
        if not policy.enabled:
            return "dismissed"
        if ("query" if request.call.kind in QUERIES else "execute") in policy.yolo_lanes:
            return "allow_once"
        args = request.call.raw_input
        shown = PendingConfirmation(
            request.call_id,
            request.call.name if isinstance(request.call.name, str) else "",
            args if isinstance(args, dict) else {},
            policy.default_timeout_ms,
            request.subagent or self._session_id,
            request.call.title if isinstance(request.call.title, str) else "",
            policy.default_timeout_ms,
        )
        approved = await self._confirmed(shown, policy)
        return "allow_once" if approved else "reject_once"

    async def _confirmed(self, shown: PendingConfirmation, policy: ConfirmationPolicy) -> bool:
        waiting = self._waiting[shown.tool_id] = _Waiting(shown)
        self._tell(
            AgentEvent(
                "confirmation_required",
                tool_id=shown.tool_id,
                tool_name=shown.tool_name,
                args=shown.args,
                timeout_ms=shown.timeout_ms,
            )
        )
        try:
            with anyio.move_on_after(policy.default_timeout_ms / 1000):
                if self._manager is not None:
                    approved, reason = await _asked(self._manager, shown)
                    self.answer(shown.tool_id, approved=approved, reason=reason)
                await waiting.answered.wait()
        finally:
            self._waiting.pop(shown.tool_id, None)
        if waiting.answered.is_set():  # who answered in the last moment was told that it counts
            return waiting.approved
        approves = policy.timeout_action == "auto_approve"
        action = "auto_approved" if approves else "rejected"
        self._tell(AgentEvent("confirmation_timeout", tool_id=shown.tool_id, data={"action_taken": action}))
        return approves


class NoQuestions:
    """The asker where there is nobody who could fill in a form."""

    async def ask(self, session_id: SessionId, call_id: ToolCallId | None, question: Question) -> Answer:
        """Say so."""
        return NOBODY_TO_ASK

    def visited(self, visit_id: str) -> None:
        """Take no note: no page was opened."""


async def _asked(manager: Confirm, shown: PendingConfirmation) -> tuple[bool, str | None]:
    """What the manager says, and why, if it is that it failed."""
    try:
        if inspect.iscoroutinefunction(manager):
            answer = manager(shown)
        else:
            answer = await to_thread.run_sync(manager, shown, abandon_on_cancel=True)
        return (await answer if inspect.isawaitable(answer) else answer) is True, None
    except FOREIGN_FAILURES:
        logger.warning("the confirmation manager failed; `%s` is refused", shown.tool_name, exc_info=True)
        return False, "the confirmation manager failed"


if TYPE_CHECKING:
    _: type[ports.Broker] = Confirmations
    __: type[ports.Asker] = NoQuestions
