"""One conversation as an actor: one task, one mailbox, one journal. Turns run one after another.

Everything a session says is an event of its journal; a prompt is answered by the `TurnEnded` that carries
its turn id. Methods that are plain functions act at once; none of them waits for a turn.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import anyio
import msgspec
from anyio.abc import TaskGroup

from acp_agent.base.errors import ProviderError, SessionClosed, StoreError
from acp_agent.base.ids import MessageId, SessionId, TurnId
from acp_agent.base.trace import NO_TRACE, Trace
from acp_agent.engine.aids.aids import NO_AIDS
from acp_agent.engine.aids.attended import attended
from acp_agent.engine.choosing import Choices
from acp_agent.engine.claiming import ClaimedStore
from acp_agent.engine.commands.expansion import answer_expanded
from acp_agent.engine.commands.offering import Offering
from acp_agent.engine.commands.slash import BuiltinCommand, Desk, answer_command
from acp_agent.engine.context.briefing import Briefing
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.context.lookout import LookAround, Lookout
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.options import MODE, MODEL, Chosen
from acp_agent.engine.overseeing import Overseer, on_watch, overseen, watched_model
from acp_agent.engine.permission.rules import Rules
from acp_agent.engine.planning.answering import answer_planned
from acp_agent.engine.server_context import server_context
from acp_agent.engine.session_parts import SessionParts
from acp_agent.engine.sources import SourceSet
from acp_agent.engine.spans import traced_turn
from acp_agent.engine.state import SessionState
from acp_agent.engine.subagents.delegation import Subagents
from acp_agent.engine.titles import titled
from acp_agent.engine.toolbox import Toolbox
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.engine.turns.plan import at_start
from acp_agent.engine.turns.prompts import Prompt, Prompts
from acp_agent.engine.turns.steering import Steering
from acp_agent.engine.turns.toolrun import ToolBench
from acp_agent.engine.turns.turn import interrupted, run_turn
from acp_agent.model import events
from acp_agent.model.content import Content
from acp_agent.model.mcp import McpServer
from acp_agent.model.session import ModelInfo, SessionRecord, StopReason
from acp_agent.model.surroundings import Surroundings
from acp_agent.ports import Host, MessageChannel, Workspace

logger = logging.getLogger(__name__)

END_TIME = 2.0
"""Seconds in which a closed session must have told and stored everything."""


class Session:
    """A live session. `run` must be running for prompts to be worked on."""

    def __init__(
        self,
        record: SessionRecord,
        parts: SessionParts,
        host: Host,
        workspace: Workspace,
        *,
        servers: Sequence[McpServer] = (),
        channel: MessageChannel | None = None,
        warnings: Sequence[str] = (),
        rules: Rules,
        chosen: Chosen,
        look_around: LookAround,
    ) -> None:
        self.id: SessionId = record.id
        self.host = host
        self.workspace = workspace
        self.rules = rules
        self.state = SessionState(record.mode, record.model, record.title, record.updated_at)
        self.oversight: Overseer | None = None  # as long as nobody is to watch
        self.archived, self.labels = record.archived, record.labels
        self.aids = NO_AIDS  # as long as there is nothing to help it
        self.client_prompt = ClientPrompt(record.system_prompt, record.system_prompt_replaces)
        self._record = record
        self._parts = parts
        self._warnings = tuple(warnings)
        self.transcript = Transcript()
        self.lookout = Lookout(look_around, lambda: self.workspace.roots, self._learn)
        self._briefing = Briefing(self.lookout.look, record.created_at)
        self.now = parts.clock
        self._claimed = ClaimedStore(parts.store, record.id)
        self.journal = Journal(
            self._claimed, record.id, fold=self._fold, publish=lambda event: self.host.publish(self.id, event)
        )
        self.offering = Offering(
            self.lookout.look,
            self.lookout.look_again,
            lambda: self.sources.all,
            lambda commands: self.journal.announce(events.CommandsOffered(commands)),
        )
        self.sources = SourceSet(
            lambda server, channel: parts.connect(
                server, server_context(self, channel, changed=self.offering.sources_changed)
            ),
            resource_tools=parts.resource_tools,
            changed=self.offering.sources_changed,
        )
        self.sources.use(servers, channel)
        self._steering = Steering(parts.new_id)
        self.choices = Choices(
            self.journal,
            self.state,
            offered=parts.models,
            inherited=chosen,
            save=self.save_record,
            remember=parts.remember,
        )
        self.subagents = Subagents(parts, self.answer_context, self.state.background, lambda: self.oversight)
        self.toolbox = Toolbox(
            parts,
            self.sources,
            self.subagents,
            state=self.state,
            journal=self.journal,
            look=self.lookout.look,
            rules=lambda: self.rules,
        )
        self._prompts = Prompts()
        self._asking = anyio.Lock()  # held while the user is asked, by subagents too
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._closed = False

    @property
    def record(self) -> SessionRecord:
        """What lists show of this session now."""
        return msgspec.structs.replace(
            self._record,
            cwd=str(self.workspace.roots[0]),
            additional_directories=tuple(str(root) for root in self.workspace.roots[1:]),
            title=self.state.title,
            mode=self.state.mode,
            model=self.state.model,
            updated_at=self.state.updated_at or self._record.updated_at,
            archived=self.archived,
            labels=self.labels,
            system_prompt=self.client_prompt.text,
            system_prompt_replaces=self.client_prompt.replaces_rules,
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
                    async for prompt in self._prompts.each():
                        await self._work(prompt)
        finally:
            self._closed = True
            with anyio.move_on_after(END_TIME, shield=True):
                await self._end()
            for prompt in self._prompts.not_ended:  # only if there was no time to record their ends
                self.journal.announce(events.TurnEnded(prompt.turn_id, "cancelled", self._parts.clock()))
            await self._claimed.release()
            self._ended.set()

    def submit(self, content: tuple[Content, ...], trace: Trace = NO_TRACE) -> TurnId:
        """Accept a prompt; it is worked on after those before it, as part of `trace`.

        Raises:
            SessionClosed: the session takes no more prompts.
        """
        if self._closed:
            raise SessionClosed(self.id)
        turn_id = TurnId(self._parts.new_id("turn"))
        self._prompts.put(turn_id, content, trace)
        return turn_id

    def steer(self, content: tuple[Content, ...]) -> bool:
        """Say something into the running turn, which takes it up before its next model request.

        False if no turn is running that could; nothing is kept then.
        """
        return not self._closed and self._steering.put(content, n_prompts=len(self._prompts))

    def cancel(self) -> None:
        """End every accepted prompt as `cancelled`, and all work in the background."""
        self._prompts.cancel()
        self.subagents.cancel_all()

    async def set_mode(self, mode: str) -> None:
        """Handle permissions differently from the next call on.

        Raises:
            InvalidChoice: there is no such mode.
        """
        await self.choices.make(MODE, mode)

    async def set_model(self, model: str) -> None:
        """Ask another model from the next step on.

        Raises:
            InvalidChoice: the model is not configured.
        """
        await self.choices.make(MODEL, model)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen; the current one is always among them."""
        return self.choices.models()

    @property
    def model(self) -> ModelInfo:
        """The model that is asked next, as far as it is known."""
        return self.choices.model

    async def restore(self) -> None:
        """Fold the stored events; close what a crash left open."""
        self.journal.begin(None)
        try:
            async for event in self._parts.store.read(self.id):
                self._fold(event)
        except BaseException:
            self._prompts.close()  # it will never live
            raise
        await self.journal.record(*interrupted(self.state, self.transcript, self._parts.clock))

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
        self.sources.start(tasks)
        self.subagents.live_in(tasks)
        self.offering.start(tasks)
        tasks.start_soon(self._prepare_provider)
        await self.choices.record_inherited()
        for warning in self._warnings:
            await self.journal.record(events.Noticed("warning", warning))

    async def _prepare_provider(self) -> None:
        try:
            await self._parts.choose_model(self.state.model)[0].prepare()
        except ProviderError as exc:  # the first prompt will say so to the user
            logger.debug("the provider cannot be prepared: %s", exc)

    async def _work(self, prompt: Prompt) -> None:
        self.journal.begin(self.record)
        self.lookout.begin_turn()
        opening, work = await self._assign(prompt.content)
        work = overseen(self.oversight, opening, attended(self, opening, work))
        try:
            await run_turn(
                prompt.turn_id,
                lambda: traced_turn(work, prompt.trace, self._parts.tracer, self.id),
                opening=opening,
                journal=self.journal,
                transcript=self.transcript,
                plan=lambda: self.state.plan,
                clock=self._parts.clock,
                scope=prompt.scope,
                close=self._steering.close,
            )
        except Exception:
            logger.exception("the turn's end could not be recorded")
            fault = events.TurnFault("the end of the turn could not be recorded", "internal")
            self.journal.announce(events.TurnEnded(prompt.turn_id, "error", self._parts.clock(), fault))
        await self.save_record()
        await self.journal.sync()

    async def _assign(
        self, content: tuple[Content, ...]
    ) -> tuple[tuple[events.Event, ...], Callable[[], Awaitable[StopReason]]]:
        """What a prompt's turn begins with, and what is to be done in it."""
        message_id = MessageId(self._parts.new_id("msg"))
        called = None if self._closed else await self.offering.called_by(content)
        self.toolbox.skills.begin_turn(called)
        said, given = events.UserSaid(message_id, content), events.CommandGiven(message_id, content)
        opening = (*titled(self.state.title, content, self._parts.clock()), *at_start(self.state.plan), said)
        if called is None:
            return opening, lambda: answer_planned(said, self.answer_context(), self._parts.planning)
        command, typed, index = called.command, called.arguments, called.index
        if isinstance(command, BuiltinCommand):
            self._steering.close_if_empty()
            return (given,), lambda: answer_command(command, typed, self._desk())
        return opening, lambda: answer_expanded(said, command, typed, self.answer_context(), index=index)

    def _desk(self) -> Desk:
        return Desk(
            session=self,
            store=self._parts.store,
            sources=self.sources.all,
            commands=self.offering.commands,
            tool_names=lambda: tuple(self.toolbox.offered()),
            new_id=self._parts.new_id,
        )

    def answer_context(self) -> AnswerContext:
        """What answering a prompt now works with."""
        return AnswerContext(
            journal=self.journal,
            transcript=self.transcript,
            workspace=self.workspace,
            briefing=self._briefing,
            system=lambda: self._briefing.system(self.client_prompt, self.workspace.roots),
            max_steps=self._parts.max_steps,
            new_id=self._parts.new_id,
            choose_model=lambda: watched_model(self.oversight, self._parts.choose_model(self.state.model)),
            set_bench=self._set_bench,
            drain=self.host.drain,
            cost_so_far=lambda: self.state.cost,
            chosen=lambda: self.state.chosen,
            steering=self._steering,
            read_link=self.sources.read_link,
            compact_at=self._parts.compact_at,
            tracer=self._parts.tracer,
        )

    async def _end(self) -> None:
        self._prompts.close()
        self._prompts.cancel()
        for prompt in self._prompts.not_ended:
            await self._work(prompt)
        await self.save_record()
        await self.journal.sync()
        if self.oversight is not None:
            await self.oversight.end()

    async def _set_bench(self) -> ToolBench:
        return ToolBench(
            self.id,
            self.journal,
            self.workspace,
            self.host.broker,
            self.host.asker,
            self.aids.watched(await self.toolbox.join(), self.journal),
            self.state.grants,
            lambda: self.state.mode,
            self.set_mode,
            self.toolbox.rules_in_force(),
            self._parts.tracer,
            self.subagents,
            self._claimed.keep,
            asking=self._asking,
            oversight=on_watch(self.oversight),
        )

    def _learn(self, found: Surroundings) -> None:
        self.offering.learn(found.commands)
        self.toolbox.learn(found)

    async def save_record(self) -> None:
        """Store what lists show of it, if anything of it is stored."""
        if not self.journal.has_record:
            return
        try:
            await self._claimed.update(self.record)
        except StoreError as exc:
            logger.warning("the record of session %s could not be saved: %s", self.id, exc)

    def _fold(self, event: events.Event) -> None:
        self.transcript.apply(event)
        if isinstance(event, events.TextChunk):
            return  # they come by the thousand and are words alone
        self.state.apply(event)
        self._briefing.apply(event)
        if isinstance(event, events.TurnEnded):
            self._prompts.ended(event.turn_id)
            self._steering.reopen()
