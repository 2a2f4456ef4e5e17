"""The program as the host of one session: takes its events, answers its questions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio.lowlevel

from acp_agent.base.clock import Clock
from acp_agent.base.ids import SessionId
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.verification.status import reports_in
from acp_agent.model import events
from acp_agent.model.verification import Report
from acp_agent.sdk.embed.delegation.task_book import TaskBook
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.events.messages import Message, shown
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.runs.session_runs import Run, RunBook
from acp_agent.sdk.embed.sessions.confirmations import Confirm, Confirmations, NoQuestions

if TYPE_CHECKING:
    from acp_agent import ports


class SessionHost:
    """Knows the session's journal and its runs; never the session, which may be forgotten by its program."""

    def __init__(
        self,
        session_id: SessionId,
        max_rounds: int,
        policy: ConfirmationPolicy | None,
        manager: Confirm | None,
        limits: RetentionLimits,
        clock: Clock,
    ) -> None:
        self.book = RunBook(session_id, max_rounds, limits, clock)
        self.tasks = TaskBook(session_id, clock, limits.max_terminal_subagent_tasks)
        self.broker = Confirmations(session_id, self.tell, policy, manager)
        self.asker = NoQuestions()
        self._session_id = session_id
        self._journal: list[events.Event] = []
        self._settled = Transcript()  # of the first `_n_settled` of them, with no step being built
        self._n_settled = 0

    def restore(self, event: events.Event) -> None:
        """Take an event from before."""
        self._journal.append(event)
        self.book.restore(event)
        self.tasks.restore(event)

    def publish(self, session_id: SessionId, event: events.Event) -> None:
        """Take an event; those of a run with a history of its own are no part of the journal."""
        if session_id == self._session_id:
            self._journal.append(event)
        self.book.take(event)
        self.tasks.take(event)

    async def drain(self) -> None:
        """Let the program go on: it reads in the same process."""
        await anyio.lowlevel.checkpoint()

    def tell(self, event: AgentEvent) -> None:
        """Tell the running run's readers something that is not in the journal."""
        if self.book.current is not None:
            self.book.current.tell(event)

    def transcript(self, run: Run | None = None) -> Transcript:
        """What the model has been told and has said so far, in this run if it is about another history."""
        if run is not None and run.past is not None:
            return _folded((*run.past, *run.journal))
        current = self.book.current
        if current is not None and not current.over.is_set():
            return _folded(self._journal)  # asking would end the step that is being built
        for event in self._journal[self._n_settled :]:
            self._settled.apply(event)
        self._n_settled = len(self._journal)
        return self._settled

    def reports(self) -> list[Report]:
        """What was verified so far."""
        return reports_in(self._journal)

    def history(self, run: Run | None = None) -> list[Message]:
        """The same as messages."""
        return shown(self.transcript(run).messages())


def _folded(told: Iterable[events.Event]) -> Transcript:
    transcript = Transcript()
    for event in told:
        transcript.apply(event)
    return transcript


if TYPE_CHECKING:
    _: type[ports.Host] = SessionHost
