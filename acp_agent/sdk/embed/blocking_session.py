"""A session whose methods wait for their results; for any thread, with or without an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from acp_agent.base.jsontext import JsonObject
from acp_agent.sdk.embed.agent_event import AgentEvent
from acp_agent.sdk.embed.attachments import AttachmentLike
from acp_agent.sdk.embed.blocking_stream import EventStream
from acp_agent.sdk.embed.confirmations import PendingConfirmation
from acp_agent.sdk.embed.errors import AgentClosed, SessionClosed
from acp_agent.sdk.embed.loop_thread import LoopThread
from acp_agent.sdk.embed.messages import Message, MessageLike
from acp_agent.sdk.embed.results import AgentResult, SideAnswer, ToolResult
from acp_agent.sdk.embed.runs import RunSnapshot
from acp_agent.sdk.embed.session import AsyncSession
from acp_agent.sdk.embed.tokens import CancellationToken

if TYPE_CHECKING:
    from acp_agent.sdk.embed.blocking import Agent

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """A live session; made by `Agent.session` and `Agent.resume_session`. `AsyncSession` says more."""

    def __init__(self, session: AsyncSession, loop: LoopThread, agent: Agent) -> None:
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
        """The label."""
        return self._inner.tenant_id

    @property
    def principal(self) -> str | None:
        """The label."""
        return self._inner.principal

    @property
    def agent_template_id(self) -> str | None:
        """The label."""
        return self._inner.agent_template_id

    @property
    def correlation_id(self) -> str | None:
        """The label."""
        return self._inner.correlation_id

    @property
    def init_warning(self) -> str | None:
        """What was wrong when it was opened, if anything."""
        return self._inner.init_warning

    @property
    def tool_names(self) -> list[str]:
        """The tools it has now."""
        return self._inner.tool_names

    def send(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """Let the agent work on the prompt; what came of it."""
        return self._wait(self._inner.send, prompt, history)

    def send_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> AgentResult:
        """The same with pictures."""
        return self._wait(self._inner.send_with_attachments, prompt, attachments, history)

    def send_with_history(self, history: Sequence[MessageLike], prompt: str) -> AgentResult:
        """Go on with another conversation; this one stays as it is."""
        return self._wait(self._inner.send_with_history, history, prompt)

    def run(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """The same as `send`."""
        return self._wait(self._inner.run, prompt, history)

    def stream(self, prompt: str, history: Sequence[MessageLike] | None = None) -> EventStream:
        """Begin a run; its events as they happen, for `for` and for `async for`."""
        return EventStream(self._look(self._inner.stream, prompt, history), self._loop, self)

    def stream_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> EventStream:
        """The same with pictures."""
        stream = self._look(self._inner.stream_with_attachments, prompt, attachments, history)
        return EventStream(stream, self._loop, self)

    def btw(self, question: str) -> SideAnswer:
        """Ask the model beside the conversation, which does not change."""
        return self._wait(self._inner.btw, question)

    def history(self) -> list[Message]:
        """The conversation as the model knows it."""
        return self._look(self._inner.history)

    def save(self) -> None:
        """Save it where `session_store` says; does nothing without a store."""
        self._wait(self._inner.save)

    def runs(self) -> list[RunSnapshot]:
        """Its runs, the oldest first."""
        return self._look(self._inner.runs)

    def run_snapshot(self, run_id: str) -> RunSnapshot | None:
        """The run as it is now; None for an unknown one."""
        return self._look(self._inner.run_snapshot, run_id)

    def run_events(self, run_id: str) -> list[AgentEvent]:
        """What has happened in the run so far."""
        return self._look(self._inner.run_events, run_id)

    def current_run(self) -> RunSnapshot | None:
        """The run that goes on, else the last one, else None."""
        return self._look(self._inner.current_run)

    def cancel(self) -> bool:
        """Cancel the run that goes on; False if none does."""
        return self._look(self._inner.cancel)

    def cancel_run(self, run_id: str) -> bool:
        """Cancel this run; False if it does not go on."""
        return self._look(self._inner.cancel_run, run_id)

    def session_cancel_token(self) -> CancellationToken:
        """The token that all runs derive theirs from."""
        return self._inner.session_cancel_token()

    def pending_confirmations(self) -> list[PendingConfirmation]:
        """The calls that wait to be confirmed."""
        return self._look(self._inner.pending_confirmations)

    def confirm_tool_use(self, tool_id: str, approved: bool, reason: str | None = None) -> bool:
        """Say whether a call that waits may run; False if it does not wait any more."""
        return self._look(self._inner.confirm_tool_use, tool_id, approved, reason)

    def tool(self, name: str, args: JsonObject) -> ToolResult:
        """Run a tool without model and permission."""
        return self._wait(self._inner.tool, name, args)

    def read_file(self, path: str) -> str:
        """The text of a file."""
        return self._wait(self._inner.read_file, path)

    def write_file(self, path: str, content: str) -> str:
        """Create or replace a file; says what was done."""
        return self._wait(self._inner.write_file, path, content)

    def edit_file(self, path: str, old_text: str, new_text: str, replace_all: bool = False) -> str:
        """Replace a text in a file; says what was done."""
        return self._wait(self._inner.edit_file, path, old_text, new_text, replace_all)

    def bash(self, command: str) -> str:
        """What a command printed, also if it failed."""
        return self._wait(self._inner.bash, command)

    def glob(self, pattern: str) -> str:
        """The files whose paths match, a line each."""
        return self._wait(self._inner.glob, pattern)

    def grep(self, pattern: str) -> str:
        """The lines that match, with their files."""
        return self._wait(self._inner.grep, pattern)

    def ls(self, path: str = ".") -> str:
        """The names in a folder, a line each."""
        return self._wait(self._inner.ls, path)

    def close(self) -> None:
        """Refuse what waits, cancel what runs, then close for good."""
        if not self._loop.is_over:
            self._wait(self._inner.close)

    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._inner.is_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._loop.call(method, *args, **kwargs)
        except AgentClosed as exc:
            raise SessionClosed(str(self.session_id)) from exc

    def _look(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Nothing changes a session whose loop has ended, so it can be looked at from here."""
        if self._loop.is_over:
            return method(*args, **kwargs)
        return self._loop.call(method, *args, **kwargs)
