"""One conversation as an actor: one task, one mailbox, one journal. Turns run one after another.

Everything a session says is an event of its journal; a prompt is answered by the `TurnEnded` that carries
its turn id. Methods that are plain functions act at once; none of them waits for a turn.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import anyio
import msgspec
from anyio.abc import TaskGroup

from acp_agent.base.clock import Clock
from acp_agent.base.errors import InvalidChoice, ProviderError, SessionClosed, StoreError
from acp_agent.base.ids import IdSource, MessageId, SessionId, TurnId
from acp_agent.engine.answering import AnswerContext, answer_prompt
from acp_agent.engine.instructions import system_prompt
from acp_agent.engine.journal import Journal
from acp_agent.engine.rules import Rules
from acp_agent.engine.sources import SourceSet
from acp_agent.engine.state import SessionState
from acp_agent.engine.toolrun import ToolBench
from acp_agent.engine.transcript import UNANSWERED, Transcript
from acp_agent.engine.turn import run_turn
from acp_agent.model import events
from acp_agent.model.content import Content, Text
from acp_agent.model.session import MODES, ModelInfo, SessionRecord
from acp_agent.ports import Host, Provider, SessionStore, Tool, ToolSource, Workspace

logger = logging.getLogger(__name__)

END_TIME = 2.0
"""Seconds in which a closed session must have told and stored everything."""

MAX_TITLE = 80


class SessionParts(msgspec.Struct, frozen=True):
    """What a session is made of; everything from outside is injected."""

    store: SessionStore
    tools: Mapping[str, Tool]
    models: Callable[[], tuple[ModelInfo, ...]]
    choose_model: Callable[[str], tuple[Provider, ModelInfo]]
    new_id: IdSource
    clock: Clock
    max_steps: int


class _Prompt(msgspec.Struct, frozen=True):
    turn_id: TurnId
    content: tuple[Content, ...]
    scope: anyio.CancelScope


class Session:
    """A live session. `run` must be running for prompts to be worked on."""

    def __init__(
        self,
        record: SessionRecord,
        parts: SessionParts,
        host: Host,
        workspace: Workspace,
        *,
        sources: Sequence[ToolSource] = (),
        warnings: Sequence[str] = (),
        rules: Rules,
    ) -> None:
        self.id: SessionId = record.id
        self.host = host
        self.workspace = workspace
        self.rules = rules
        self.state = SessionState(record.mode, record.model, record.title, record.updated_at)
        self._record = record
        self._parts = parts
        self._sources = SourceSet(sources)
        self._warnings = tuple(warnings)
        self._transcript = Transcript()
        self.journal = Journal(parts.store, record.id, fold=self._fold, publish=self._publish)
        self._prompts: list[_Prompt] = []  # accepted and not ended, in order; the first may be running
        self._send, self._mailbox = anyio.create_memory_object_stream[_Prompt](math.inf)
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._closed = False

    @property
    def record(self) -> SessionRecord:
        """What lists show of this session now."""
        return msgspec.structs.replace(
            self._record,
            title=self.state.title,
            mode=self.state.mode,
            model=self.state.model,
            updated_at=self.state.updated_at or self._record.updated_at,
        )

    @property
    def is_busy(self) -> bool:
        """Whether a prompt is being worked on or waits."""
        return bool(self._prompts)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more prompts; its end may still be going on."""
        return self._closed

    async def run(self) -> None:
        """Live until `close` or cancellation; every accepted prompt gets its `TurnEnded`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    await self._start(tasks)
                    async for prompt in self._mailbox:
                        await self._work(prompt)
        finally:
            self._closed = True
            with anyio.move_on_after(END_TIME, shield=True):
                await self._end()
            for prompt in self._prompts:  # only if there was no time to record their ends
                self.journal.announce(events.TurnEnded(prompt.turn_id, "cancelled", self._parts.clock()))
            self._ended.set()

    def submit(self, content: tuple[Content, ...]) -> TurnId:
        """Accept a prompt; it is worked on after those before it.

        Raises:
            SessionClosed: the session takes no more prompts.
        """
        if self._closed:
            raise SessionClosed(self.id)
        turn_id = TurnId(self._parts.new_id("turn"))
        prompt = _Prompt(turn_id, content, anyio.CancelScope())
        self._prompts.append(prompt)
        self._send.send_nowait(prompt)
        return turn_id

    def cancel(self) -> None:
        """End every accepted prompt as `cancelled`; without one, do nothing."""
        for prompt in self._prompts:
            prompt.scope.cancel()

    async def set_mode(self, mode: str) -> None:
        """Handle permissions differently from the next call on.

        Raises:
            InvalidChoice: there is no such mode.
        """
        for known in MODES:
            if known.id == mode:
                await self._change(events.ModeChanged(known.id), unchanged=self.state.mode == mode)
                return
        raise InvalidChoice("mode", mode, tuple(known.id for known in MODES))

    async def set_model(self, model: str) -> None:
        """Ask another model from the next step on.

        Raises:
            InvalidChoice: the model is not configured.
        """
        choices = tuple(known.id for known in self.models())
        if model not in choices:
            raise InvalidChoice("model", model, choices)
        await self._change(events.ModelChanged(model), unchanged=self.state.model == model)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen; the current one is always among them."""
        models = self._parts.models()
        if any(known.id == self.state.model for known in models):
            return models
        return (*models, ModelInfo(self.state.model, f"{self.state.model} (not configured)"))

    @property
    def model(self) -> ModelInfo:
        """The model that is asked next, as far as it is known."""
        return next(known for known in self.models() if known.id == self.state.model)

    async def restore(self) -> None:
        """Fold the stored events; close what a crash left open."""
        self.journal.begin(None)
        async for event in self._parts.store.read(self.id):
            self._fold(event)
        turn_id = self.state.open_turn
        if turn_id is not None:
            await self.journal.record(
                *self._transcript.close_calls("failed", UNANSWERED),
                events.TurnEnded(turn_id, "interrupted", self._parts.clock()),
            )

    def stored_events(self) -> AsyncIterator[events.Event]:
        """Everything the store holds of this session, in order; still only while the journal is held."""
        return self._parts.store.read(self.id)

    async def close(self) -> None:
        """Cancel what runs, answer what waits, stop tool sources, store everything; then return."""
        self._closed = True
        self._scope.cancel()
        await self._ended.wait()

    async def _start(self, tasks: TaskGroup) -> None:
        tasks.start_soon(self.journal.flush_regularly)
        self._sources.start(tasks)
        tasks.start_soon(self._prepare_provider)
        for warning in self._warnings:
            await self.journal.record(events.Noticed("warning", warning))

    async def _prepare_provider(self) -> None:
        try:
            provider, _ = self._parts.choose_model(self.state.model)
            await provider.prepare()
        except ProviderError as exc:  # the first prompt will say so to the user
            logger.debug("the provider cannot be prepared: %s", exc)

    async def _work(self, prompt: _Prompt) -> None:
        self.journal.begin(self._record)
        said = events.UserSaid(MessageId(self._parts.new_id("msg")), prompt.content)
        try:
            await run_turn(
                prompt.turn_id,
                lambda: answer_prompt(said, self._answer_context()),
                opening=(*self._title_from(prompt.content), said),
                journal=self.journal,
                transcript=self._transcript,
                clock=self._parts.clock,
                scope=prompt.scope,
            )
        except Exception:
            logger.exception("the turn's end could not be recorded")
            fault = events.TurnFault("the end of the turn could not be recorded", "internal")
            self.journal.announce(events.TurnEnded(prompt.turn_id, "error", self._parts.clock(), fault))
        await self._save_record()
        await self.journal.sync()

    def _answer_context(self) -> AnswerContext:
        return AnswerContext(
            journal=self.journal,
            transcript=self._transcript,
            workspace=self.workspace,
            system=system_prompt(self.workspace.roots, self._record.created_at),
            max_steps=self._parts.max_steps,
            new_id=self._parts.new_id,
            choose_model=lambda: self._parts.choose_model(self.state.model),
            set_bench=self._set_bench,
            drain=self.host.drain,
            cost_so_far=lambda: self.state.cost,
        )

    async def _end(self) -> None:
        self._send.close()
        self._mailbox.close()
        for prompt in self._prompts:
            prompt.scope.cancel()
            await self._work(prompt)
        await self._save_record()
        await self.journal.sync()

    async def _set_bench(self) -> ToolBench:
        return ToolBench(
            self.id,
            self.journal,
            self.workspace,
            self.host.broker,
            await self._join_tools(),
            self.state.grants,
            lambda: self.state.mode,
            self.rules,
        )

    async def _join_tools(self) -> Mapping[str, Tool]:
        tools = dict(self._parts.tools)
        for problem in await self._sources.join():
            await self.journal.record(problem)
        for tool in self._sources.tools():
            tools.setdefault(tool.spec.name, tool)
        return {name: tool for name, tool in tools.items() if not self.rules.removes(name)}

    def _title_from(self, content: tuple[Content, ...]) -> list[events.Event]:
        """The event that names a session without a title after its first words."""
        if self.state.title is not None:
            return []
        text = next((part.text for part in content if isinstance(part, Text) and part.text.strip()), "")
        line = " ".join(text.split())
        if not line:
            return []
        title = line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1].rstrip() + "…"
        return [events.TitleChanged(title, self._parts.clock())]

    async def _change(self, event: events.ModeChanged | events.ModelChanged, *, unchanged: bool) -> None:
        if unchanged:
            return
        await self.journal.record(event)
        await self._save_record()

    async def _save_record(self) -> None:
        if self.state.title is None:
            return  # not stored yet
        try:
            await self._parts.store.update(self.record)
        except StoreError as exc:
            logger.warning("the record of session %s could not be saved: %s", self.id, exc)

    def _fold(self, event: events.Event) -> None:
        self.state.apply(event)
        self._transcript.apply(event)
        if isinstance(event, events.TurnEnded):
            self._prompts = [prompt for prompt in self._prompts if prompt.turn_id != event.turn_id]

    def _publish(self, event: events.Event) -> None:
        self.host.publish(self.id, event)
