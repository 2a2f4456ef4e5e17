"""A prompt with aids: what is known of it is told to the model before, and what came of it remembered after.

Whatever an aid does wrong, the prompt is answered: the user reads a notice, the log has the details.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from acp_agent.base.errors import FOREIGN_FAILURES, ProviderError
from acp_agent.base.ids import SessionId
from acp_agent.engine.aids.aids import Aids
from acp_agent.engine.aids.noting import chosen_items, note_of
from acp_agent.engine.aids.readable import readable_items
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.memory.experience import experience_of, is_about_the_service
from acp_agent.engine.permission.rules import Rules
from acp_agent.model import events
from acp_agent.model.content import Text
from acp_agent.model.context import ContextItem, ContextResolved, ContextResolving
from acp_agent.model.memory import MemoryItem
from acp_agent.model.session import StopReason
from acp_agent.ports import ContextProvider, ContextQuery, Workspace

logger = logging.getLogger(__name__)

AID_TIME = 2.0
"""Seconds that one aid may take before a turn, and again after it."""

MAX_QUERY = 4_000
"""Characters of a prompt that aids are asked about."""

T = TypeVar("T")


class AidedTurn:
    """One prompt and those who help with it."""

    def __init__(
        self,
        said: events.UserSaid,
        aids: Aids,
        *,
        session_id: SessionId,
        journal: Journal,
        transcript: Transcript,
        workspace: Workspace,
        rules: Rules,
    ) -> None:
        text = "\n".join(part.text for part in said.content if isinstance(part, Text))
        self._said = said
        self._aids = aids
        self._journal = journal
        self._transcript = transcript
        self._rules = rules
        self._recalled: Sequence[MemoryItem] = ()
        self._query = ContextQuery(text=text[:MAX_QUERY], session_id=session_id, roots=workspace.roots)

    async def answer(self, work: Callable[[], Awaitable[StopReason]]) -> StopReason:
        """Do the `work` of answering it, with what the aids know.

        Raises:
            ProviderError: the model could not answer.
        """
        await self._prepare()
        try:
            stop_reason = await work()
        except ProviderError as exc:
            if not is_about_the_service(exc):
                await self._remember(str(exc))
            raise
        await self._remember("" if stop_reason == "end_turn" else f"the turn ended with `{stop_reason}`")
        await self._complete()
        return stop_reason

    async def _prepare(self) -> None:
        await self._look_for_orders()
        found: list[ContextItem] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._recall)  # beside the providers: the turn waits for the slower
            found = await self._resolve()
        items = chosen_items(found, self._query)
        if self._aids.providers:
            news = ContextResolved(len(items.items), items.n_tokens)
            self._journal.announce(events.AidTold(news))
        note = note_of(self._recalled, items.items)
        if note:
            security = self._aids.security
            text = note if security is None else security.sanitize_output(note)
            await self._journal.record(events.NoteAdded(self._said.message_id, text))

    async def _look_for_orders(self) -> None:
        security = self._aids.security
        findings = security.taint_input(self._query.text) if security is not None else ()
        if findings:
            from acp_agent.engine.security.screening import warning_of  # lazy: hardly ever needed

            await self._journal.record(warning_of(findings, "the prompt"))

    async def _recall(self) -> None:
        memory = self._aids.memory
        if memory is None:
            return
        limit = memory.config.max_recalled
        found = await self._guarded("memory", lambda: memory.find_similar(self._query.text, limit))
        for problem in memory.store.problems():
            await self._journal.record(events.Noticed("warning", "A memory cannot be read", problem))
        self._recalled = found or ()

    async def _resolve(self) -> list[ContextItem]:
        providers = self._aids.providers
        if not providers:
            return []
        names = tuple(provider.name for provider in providers)
        self._journal.announce(events.AidTold(ContextResolving(names)))
        found: dict[int, Sequence[ContextItem]] = {}

        async def ask(number: int, provider: ContextProvider) -> None:
            items = await self._guarded(provider.name, lambda: provider.query(self._query))
            found[number] = items or ()

        async with anyio.create_task_group() as tasks:
            for number, provider in enumerate(providers):
                tasks.start_soon(ask, number, provider)
        items = (item for number in range(len(providers)) for item in found[number])
        return readable_items(items, self._rules, self._query.roots)

    async def _remember(self, error: str) -> None:
        memory = self._aids.memory
        if memory is None:
            return
        await self._guarded("memory", lambda: memory.note_recall(self._recalled))
        lived = experience_of(self._query.text, self._transcript)
        if error:
            await self._guarded("memory", lambda: memory.remember_failure(lived.task, error, lived.tools))
        else:
            result = lived.result
            await self._guarded("memory", lambda: memory.remember_success(lived.task, lived.tools, result))

    async def _complete(self) -> None:
        if not self._aids.providers:
            return
        answer = experience_of(self._query.text, self._transcript).result

        async def tell(provider: ContextProvider) -> None:
            await self._guarded(provider.name, lambda: provider.on_turn_complete(self._query, answer))

        async with anyio.create_task_group() as tasks:
            for provider in self._aids.providers:
                tasks.start_soon(tell, provider)

    async def _guarded(self, name: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """What an aid returns; None if it failed or took too long."""
        try:
            with anyio.fail_after(AID_TIME):
                return await work()
        except TimeoutError:
            problem = f"it took more than {AID_TIME:g} s"
        except FOREIGN_FAILURES as exc:
            logger.warning("the aid `%s` failed", name, exc_info=True)
            problem = str(exc) or type(exc).__name__
        await self._journal.record(events.Noticed("warning", f"`{name}` could not help", problem))
        return None
