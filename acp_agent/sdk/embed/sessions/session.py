"""A conversation in one workspace, as a program has it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.session import Session
from acp_agent.model import chat
from acp_agent.model.content import Content, Text
from acp_agent.model.events import Event
from acp_agent.sdk.embed.delegation.session_tasks import SessionTasks
from acp_agent.sdk.embed.errors import (
    AttachmentInvalid,
    CheckpointMissing,
    QuestionEmpty,
    RunFailed,
    SessionBusy,
    StoreMissing,
)
from acp_agent.sdk.embed.events.messages import Message, MessageLike, history_events
from acp_agent.sdk.embed.options.attachments import AttachmentLike, pictures
from acp_agent.sdk.embed.options.fields import PathLike
from acp_agent.sdk.embed.runs.records import RunSnapshot
from acp_agent.sdk.embed.runs.results import AgentResult, SideAnswer, TokenUsage, ToolResult
from acp_agent.sdk.embed.runs.session_runs import Run
from acp_agent.sdk.embed.runs.streams import AsyncEventStream
from acp_agent.sdk.embed.sessions.confirmations import PendingConfirmation
from acp_agent.sdk.embed.sessions.direct_tools import DirectTools, call_tool, read_text
from acp_agent.sdk.embed.sessions.extensions import SessionExtensions
from acp_agent.sdk.embed.sessions.lanes import SessionLanes
from acp_agent.sdk.embed.sessions.memory import SessionMemory
from acp_agent.sdk.embed.sessions.objects import SessionObjects
from acp_agent.sdk.embed.sessions.resuming import GO_ON, SessionResuming
from acp_agent.sdk.embed.sessions.runs import SessionRuns
from acp_agent.sdk.embed.sessions.tokens import CancellationToken
from acp_agent.sdk.embed.sessions.verification import SessionVerification
from acp_agent.sdk.embed.sessions.watch import SessionWatch
from acp_agent.sdk.embed.stores.keeping import KeptNowhere

if TYPE_CHECKING:
    from acp_agent.sdk.embed.opening.session_opening import Opened

logger = logging.getLogger(__name__)


class AsyncSession(
    SessionRuns,
    SessionResuming,
    SessionExtensions,
    SessionMemory,
    SessionVerification,
    SessionWatch,
    SessionLanes,
    SessionTasks,
    SessionObjects,
    DirectTools,
):
    """A live session; made by `AsyncAgent.session` and `AsyncAgent.resume_session`.

    One run at a time. The direct tools may be called while one goes on.
    """

    def __init__(
        self, opened: Opened, tasks: TaskGroup, run_in_loop: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(opened)
        self._tasks = tasks
        self._run_in_loop = run_in_loop
        self._ended = anyio.Event()

    async def send(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """Let the agent work on the prompt; what came of it.

        With a `history` the run is about that conversation, and leaves this one as it is. A run that is
        cancelled with `cancel` returns what there was of it.

        Raises:
            SessionClosed: the session is closed.
            SessionBusy: a run is going on.
            RunFailed: the model did not answer, or a limit was reached.
        """
        return await self._finished(self._begin(prompt, (), history))

    async def send_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> AgentResult:
        """The same with pictures.

        Raises:
            AttachmentInvalid: one of them cannot be used, or the model takes none.
        """
        return await self._finished(self._begin(prompt, attachments, history))

    async def send_with_history(self, history: Sequence[MessageLike], prompt: str) -> AgentResult:
        """Go on with another conversation; this one stays as it is."""
        return await self.send(prompt, history)

    async def run(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """The same as `send`."""
        return await self.send(prompt, history)

    async def resume_run(self, run_id: str) -> AgentResult:
        """Go on with a run that the end of its process cut off: a new run, whose counts go on from there.

        Raises:
            StoreMissing: no store is set.
            CheckpointMissing: it was not interrupted, or is not the last one.
        """
        if isinstance(self._opened.keeping, KeptNowhere):
            raise StoreMissing("resume_run")
        self._check_open()
        interrupted = self.run_snapshot(run_id)
        if interrupted is None or self.loop_checkpoint(run_id) is None:
            raise CheckpointMissing(run_id)
        return await self._finished(self._begin(GO_ON, (), None, interrupted))

    def stream(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AsyncEventStream:
        """Begin a run; its events as they happen.

        Raises:
            SessionClosed: the session is closed.
            SessionBusy: a run is going on.
        """
        return AsyncEventStream(self._begin(prompt, (), history), self._cancel_now, Run.result)

    def stream_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> AsyncEventStream:
        """The same with pictures."""
        run = self._begin(prompt, attachments, history)
        return AsyncEventStream(run, self._cancel_now, Run.result)

    async def btw(self, question: str) -> SideAnswer:
        """Ask the model beside the conversation, which does not change; also while a run goes on.

        Raises:
            QuestionEmpty: there is no question.
            RunFailed: the model did not answer.
        """
        _check_text(question, "a question")
        if not question.strip():
            raise QuestionEmpty
        self._check_open()
        try:
            return await self._ask_beside(question)
        except ProviderError as exc:
            raise RunFailed.of(exc) from exc

    def history(self) -> list[Message]:
        """The conversation as the model knows it."""
        return self._host.history()

    async def save(self) -> None:
        """Save it where `session_store` says; does nothing without a store.

        Raises:
            PersistenceFailed: it cannot be saved.
        """
        await self._opened.save()

    def session_cancel_token(self) -> CancellationToken:
        """The token that all runs derive theirs from: cancelling it ends them and lets none begin."""
        return self._token

    def pending_confirmations(self) -> list[PendingConfirmation]:
        """The calls that wait to be confirmed."""
        return self._host.broker.pending()

    def confirm_tool_use(self, tool_id: str, approved: bool, reason: str | None = None) -> bool:
        """Say whether a call that waits may run; False if it does not wait any more."""
        return self._host.broker.answer(tool_id, approved=approved, reason=reason)

    async def tool(self, name: str, args: JsonObject) -> ToolResult:
        """Run a tool without model and permission; one that fails says so in its result.

        Raises:
            ToolFailed: there is no such tool.
            SessionClosed: the session is closed.
        """
        self._check_open()
        workspace = self._session.workspace
        return await call_tool(self._opened.tools(), name, args, workspace, self._session.id)

    async def read_file(self, path: PathLike) -> str:
        """The text of a file.

        Raises:
            ToolFailed: it cannot be read.
        """
        self._check_open()
        return await read_text(path, self._session.workspace)

    async def close(self) -> None:
        """Refuse what waits, cancel what runs, then close for good; does nothing the second time."""
        if self._closed:
            await self._ended.wait()
            return
        self._closed = True
        self._host.broker.refuse_all("the session was closed")
        self._token.cancel()
        try:
            with anyio.CancelScope(shield=True):
                await self._opened.close()
        finally:
            self._ended.set()

    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    def _begin(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None,
        carried: RunSnapshot | None = None,
    ) -> Run:
        self._check_open()
        _check_text(prompt, "a prompt")
        current = self._host.book.current
        if current is not None:
            raise SessionBusy(self._session.id, current.id)
        images = pictures(attachments)
        if images and not self._session.model.takes_images:
            raise AttachmentInvalid(f"the model `{self.model}` takes no pictures; choose one that does")
        content: tuple[Content, ...] = (*images, Text(prompt))
        self._opened.guard.begin()
        self._opened.servers.touch()
        book = self._host.book
        if history is None:
            self._opened.guard.say = self._session.steer
            run = book.open(
                self._session.submit(content), carried.prompt if carried else prompt, carried=carried
            )
            self._tasks.start_soon(self._see_through, run, self._session)
        else:
            past = history_events(history)
            run = book.open(random_id("turn"), prompt, past=past)
            self._tasks.start_soon(self._run_aside, run, content, past)
        return run

    async def _run_aside(self, run: Run, content: tuple[Content, ...], past: list[Event]) -> None:
        """A run on another history: a session of its own, that nobody keeps."""
        try:
            async with self._opened.aside(past) as session:
                self._opened.guard.say = session.steer
                session.submit(content)
                await self._see_through(run, session)
        except Exception as exc:  # which ends this run, and not all that the agent does
            logger.exception("the run %s on another history failed", run.id)
            self._host.book.current = None
            run.fail(exc)

    async def _see_through(self, run: Run, session: Session) -> None:
        """Wait for the end of a run, save the session, then tell that it has ended."""
        token = self._token.child()
        token.on_cancel(lambda: self._run_in_loop(session.cancel))
        saves = session is self._session and self._opened.auto_save
        try:
            if saves and not self._opened.keeping.saves_by_itself:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._keep_checkpoints, run)
                    self._opened.guard.checkpoint = lambda: run.checkpoint
                    await run.over.wait()
                    self._opened.guard.checkpoint = lambda: None
                    tasks.cancel_scope.cancel()
            else:
                await run.over.wait()
            if saves:
                await self._save_quietly(run)
        finally:
            self._host.book.current = None
            run.end()

    def _cancel_now(self) -> None:
        self.cancel()

    async def _finished(self, run: Run) -> AgentResult:
        try:
            await run.ended.wait()
        finally:
            await run.leave(self._cancel_now)
        messages = tuple(self._host.history(run)) if run.error is None else ()
        return run.result(messages)

    async def _ask_beside(self, question: str) -> SideAnswer:
        context = self._session.answer_context()
        provider, model = context.choose_model()
        messages = (*self._host.transcript().messages(), chat.FromUser((Text(self._surroundings(question)),)))
        text, usage = "", chat.Usage()
        async with aclosing(provider.stream(chat.ModelRequest(model, context.system(), messages))) as deltas:
            async for delta in deltas:
                match delta:
                    case chat.TextDelta(more):
                        text += more
                    case chat.StepFinished(_, counted):
                        usage = counted
                    case _:
                        pass
        return SideAnswer(question, text, TokenUsage.of(usage))

    def _surroundings(self, question: str) -> str:
        current = self._host.book.current
        waiting = ", ".join(f"`{one.tool_name}`" for one in self.pending_confirmations())
        facts = [
            "A side question; answer it from what you know, briefly, without tools.",
            "A run is going on." if current is not None else "No run is going on.",
            f"Calls that wait to be confirmed: {waiting}." if waiting else "",
        ]
        return "\n".join((" ".join(fact for fact in facts if fact), "", question))


def _check_text(given: object, what: str) -> None:
    if not isinstance(given, str):  # anything else would end the session
        raise TypeError(f"{what} is a text, not `{type(given).__name__}`")
