"""A whole agent core in memory: scripted model, fake tools, a host that remembers what it was told."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import msgspec
import pytest

from acp_agent import ports
from acp_agent.base.clock import Clock
from acp_agent.base.errors import StoreError, ToolError
from acp_agent.base.ids import IdSource, SessionId, ToolCallId, counting_ids
from acp_agent.base.jsontext import JsonObject
from acp_agent.base.trace import Tracer
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults, Opening
from acp_agent.engine.context.lookout import LookAround, nothing_around
from acp_agent.engine.context.size import COMPACT_AT
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.session import Session
from acp_agent.model import events
from acp_agent.model.chat import ChatMessage, FromAssistant, FromTools, FromUser, Text, ToolUse
from acp_agent.model.content import Content, Resource
from acp_agent.model.mcp import McpServer, PromptInfo, ResourceInfo, StdioServer
from acp_agent.model.permission import Access, Decision, Effect, PermissionRequest
from acp_agent.model.planning import Planning
from acp_agent.model.question import Answer, Question
from acp_agent.model.session import SessionRecord
from acp_agent.model.subagent import AgentKind, DelegationLimits
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.stores.memory import MemoryStore
from acp_agent.tools.mcp.resource_tools import resource_tools
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parent
NOW = datetime(2024, 5, 6, tzinfo=UTC)


def ticking_clock() -> Clock:
    """A clock that moves on one second whenever it is read."""
    now = NOW

    def tick() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    return tick


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None:
            self.jumped += max(timeout, 0.0)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait for timers: when nothing is ready it is the next timer's time.

    Nothing else takes any time, however slow the machine is.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped


VIRTUAL_CLOCK = pytest.param(("asyncio", {"loop_factory": VirtualClockLoop}), id="virtual clock")
"""For `@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])`: long waits cost nothing."""


class Asker:
    """Answers questions with `answers`, one after another; waits forever when there is none left."""

    def __init__(self) -> None:
        self.asked: list[tuple[ToolCallId | None, Question]] = []
        self.answers: list[Answer] = []
        self.complete: list[str] = []
        self.withdrawn = 0

    async def ask(self, session_id: SessionId, call_id: ToolCallId | None, question: Question) -> Answer:
        self.asked.append((call_id, question))
        try:
            await anyio.lowlevel.checkpoint()
            if not self.answers:
                await anyio.sleep_forever()
        except BaseException:
            self.withdrawn += 1
            raise
        return self.answers.pop(0)

    def visited(self, visit_id: str) -> None:
        self.complete.append(visit_id)


class Host:
    """Remembers everything a session tells; answers questions with `decision`, or never if it is None."""

    def __init__(self) -> None:
        self.told: list[events.Event] = []
        self.asked: list[PermissionRequest] = []
        self.decision: Decision | None = "allow_once"
        self.questions = Asker()
        self.on_event: Callable[[events.Event], None] = lambda _: None
        self._changed = anyio.Event()

    @property
    def broker(self) -> Host:
        return self

    @property
    def asker(self) -> Asker:
        return self.questions

    async def ask(self, request: PermissionRequest) -> Decision:
        self.asked.append(request)
        await anyio.lowlevel.checkpoint()
        if self.decision is None:
            await anyio.sleep_forever()
            raise AssertionError
        return self.decision

    def publish(self, session_id: SessionId, event: events.Event) -> None:
        self.told.append(event)
        self.on_event(event)
        self._changed.set()
        self._changed = anyio.Event()

    async def drain(self) -> None:
        await anyio.lowlevel.checkpoint()

    def of(self, *kinds: type[events.Event]) -> list[events.Event]:
        return [event for event in self.told if isinstance(event, kinds)]

    @property
    def ends(self) -> list[events.TurnEnded]:
        return [event for event in self.told if isinstance(event, events.TurnEnded)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.told if isinstance(event, events.TextChunk))

    async def wait_for(self, found: Callable[[], bool]) -> None:
        with anyio.fail_after(PATIENCE):
            while not found():
                await self._changed.wait()

    async def wait_ends(self, n_turns: int) -> None:
        await self.wait_for(lambda: len(self.ends) >= n_turns)


class Tool:
    """A tool that does what it is given; `started` is set when it runs."""

    def __init__(
        self,
        name: str,
        effect: Effect = "none",
        work: Callable[[JsonObject, ports.ToolContext], Awaitable[ToolOutcome]] | None = None,
        *,
        paths: tuple[str, ...] = (),
        check: Callable[[JsonObject], None] = lambda _: None,
    ) -> None:
        self._spec = ToolSpec(name, f"Tool {name}.", {"type": "object"})
        self._effect: Effect = effect
        self.work = work
        self._paths = paths
        self._check = check
        self.started = anyio.Event()
        self.runs: list[JsonObject] = []

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    async def preview(self, args: JsonObject, context: ports.ToolContext) -> ports.Preview:
        await anyio.lowlevel.checkpoint()
        self._check(args)
        access = Access(self._effect, f"{self._spec.name} {sorted(args)}", self._paths)
        return ports.Preview(f"Use {self._spec.name}", "other", access)

    async def run(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        self.started.set()
        self.runs.append(args)
        await anyio.lowlevel.checkpoint()
        return succeeded("done") if self.work is None else await self.work(args, context)


class Source:
    """A tool source that settles at once, or never."""

    def __init__(
        self,
        name: str,
        *,
        failure: str | None = None,
        tools: Sequence[ports.Tool] = (),
        settles: bool = True,
        prompts: Sequence[PromptInfo] = (),
        resources: Sequence[ResourceInfo] = (),
    ) -> None:
        self.name = name
        self.failure = failure
        self.context: ports.ServerContext | None = None
        self.has_resources = bool(resources)
        self.n_roots_changed = 0
        self._prompts = prompts
        self._resources = resources
        self.running = False
        self.n_waits = 0
        self._tools = tools
        self._settles = settles

    async def run(self) -> None:
        self.running = True
        try:
            await anyio.sleep_forever()
        finally:
            self.running = False

    async def wait_settled(self) -> None:
        self.n_waits += 1
        await anyio.lowlevel.checkpoint()
        if not self._settles:
            await anyio.sleep_forever()

    def tools(self) -> Sequence[ports.Tool]:
        return self._tools

    def set_prompts(self, *prompts: PromptInfo) -> None:
        self._prompts = prompts

    def prompts(self) -> Sequence[PromptInfo]:
        return self._prompts

    async def expand(self, name: str, arguments: Mapping[str, str]) -> tuple[Content, ...]:
        """The prompt's name and its arguments, as text."""
        if name not in {prompt.name for prompt in self._prompts}:
            raise ToolError(f"no prompt `{name}`")
        return (Text(f"{name} {dict(arguments)}"),)

    async def resources(self) -> Sequence[ResourceInfo]:
        return self._resources

    async def owns(self, uri: str) -> bool:
        return uri in {resource.uri for resource in self._resources}

    async def read_resource(self, uri: str) -> tuple[Resource, ...]:
        if not await self.owns(uri):
            raise ToolError(f"no resource `{uri}`")
        return (Resource(uri, text=f"what {self.name} says of {uri}"),)

    def roots_changed(self) -> None:
        self.n_roots_changed += 1


class Workspace:
    """Roots and nothing in them: the fake tools touch no files."""

    runs_itself = False

    def __init__(self, *roots: Path) -> None:
        self.roots = roots

    def resolve(self, path: str) -> Path:
        raise NotImplementedError

    async def read_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str:
        raise NotImplementedError

    async def read_bytes(self, path: Path) -> bytes:
        raise NotImplementedError

    async def write_text(self, path: Path, text: str) -> None:
        raise NotImplementedError

    async def remove(self, path: Path) -> None:
        raise NotImplementedError

    async def list_dir(self, path: Path) -> list[ports.FileEntry]:
        raise NotImplementedError

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: ports.RunSink
    ) -> ports.ProcessResult:
        raise NotImplementedError


class SlowStore(MemoryStore):
    """A store whose every write takes a few turns of the event loop, and that can fail or hang."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = False
        self.hanging = False
        self.appended: list[list[events.Event]] = []
        self.n_syncs = 0

    async def _wait(self) -> None:
        for _ in range(2):
            await anyio.lowlevel.checkpoint()
        if self.hanging:
            await anyio.sleep_forever()
        if self.failing:
            raise StoreError("the disk is full")

    async def create(self, record: SessionRecord) -> None:
        await self._wait()
        await super().create(record)

    async def update(self, record: SessionRecord) -> None:
        await self._wait()
        await super().update(record)

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        await self._wait()
        self.appended.append(list(events))
        await super().append(session_id, events)

    async def sync(self, session_id: SessionId) -> None:
        await self._wait()
        self.n_syncs += 1


class Stage:
    """An agent core with one open session, and everything around it within reach."""

    def __init__(
        self,
        core: AgentCore,
        store: ports.SessionStore,
        provider: ScriptedProvider,
        host: Host,
        opening: Opening,
        connected: list[McpServer],
    ) -> None:
        self.connected = connected
        self.core = core
        self.store = store
        self.provider = provider
        self.host = host
        self.opening = opening
        self.session: Session = core.create(core.new_session_id(), opening)

    def say(self, text: str) -> str:
        return self.session.submit((Text(text),))

    async def prompt(self, text: str) -> events.TurnEnded:
        """Submit and wait for the end of that turn."""
        turn_id = self.say(text)
        await self.host.wait_for(lambda: any(end.turn_id == turn_id for end in self.host.ends))
        return next(end for end in self.host.ends if end.turn_id == turn_id)

    async def stored(self) -> list[events.Event]:
        """The session's journal, everything flushed."""
        await self.session.journal.flush()
        return [event async for event in self.store.read(self.session.id)]

    async def reopen(self) -> Stage:
        """Close the session and open what the store has of it."""
        await self.session.close()
        self.session = await self.core.open(self.session.id, self.opening)
        return self


@asynccontextmanager
async def open_stage(
    script: str,
    *tools: ports.Tool,
    store: ports.SessionStore | None = None,
    sources: Iterable[Source] = (),
    defaults: Defaults | None = None,
    max_steps: int = 50,
    compact_at: float = COMPACT_AT,
    look_around: LookAround = nothing_around,
    new_id: IdSource | None = None,
    providers: Sequence[ports.Provider] = (),
    tracer: Tracer | None = None,
    clock: Clock | None = None,
    task_tools: Callable[[tuple[AgentKind, ...]], tuple[ports.Tool, ...]] = lambda _kinds: (),
    delegation: DelegationLimits | None = None,
    skill_tools: Callable[[ports.SkillShelf], tuple[ports.Tool, ...]] = lambda _shelf: (),
    enforce_skill_tools: bool = False,
    planning: Planning | None = None,
) -> AsyncGenerator[Stage, None]:
    store = store or MemoryStore(clock=ticking_clock())
    provider = ScriptedProvider(script)
    by_name = {source.name: source for source in sources}

    connected: list[McpServer] = []

    def connect(server: McpServer, context: ports.ServerContext) -> ports.ToolSource:
        connected.append(server)
        by_name[server.name].context = context
        return by_name[server.name]

    parts = AgentParts(
        store=store,
        providers={one.name: one for one in (provider, *providers)},
        tools=tools,
        connect=connect,
        resource_tools=resource_tools,
        max_steps=max_steps,
        compact_at=compact_at,
        task_tools=task_tools,
        delegation=delegation or DelegationLimits(),
        skill_tools=skill_tools,
        enforce_skill_tools=enforce_skill_tools,
        new_id=new_id or counting_ids(),
        clock=clock or ticking_clock(),
        tracer=tracer or Tracer(),
        planning=planning or Planning(),
    )
    host = Host()
    opening = Opening(
        host,
        Workspace(ROOT),
        defaults or Defaults("scripted/script", look_around=look_around),
        tuple(StdioServer(name, "the client's") for name in by_name),
    )
    async with anyio.create_task_group() as tasks:
        core = AgentCore(parts, tasks)
        yield Stage(core, store, provider, host, opening, connected)
        with anyio.fail_after(PATIENCE):
            await core.aclose()


def broken_rules(messages: Iterable[ChatMessage]) -> list[str]:
    """What a model provider would refuse in this history."""
    found: list[str] = []
    seen: set[str] = set()
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        if number == 0 and not isinstance(message, FromUser):
            found.append("the first message is not the user's")
        answers = [result.call_id for result in message.results] if isinstance(message, FromTools) else []
        if sorted(answers) != sorted(open_calls):
            found.append(f"message {number} answers {answers}, the message before called {open_calls}")
        open_calls = []
        parts = message.results if isinstance(message, FromTools) else message.content
        if not parts:
            found.append(f"message {number} is empty")
        for part in parts:
            if isinstance(part, Text) and not part.text.strip():
                found.append(f"message {number} has an empty text")
            if isinstance(part, ToolUse):
                open_calls.append(part.call_id)
                if part.call_id in seen:
                    found.append(f"call id {part.call_id} repeats")
                seen.add(part.call_id)
        if isinstance(message, FromAssistant) and all(type(part).__name__ == "Thought" for part in parts):
            found.append(f"message {number} is nothing but thinking")
    if open_calls:
        found.append(f"the last message leaves {open_calls} unanswered")
    return found


def history(journal: Iterable[events.Event]) -> tuple[ChatMessage, ...]:
    """The chat history these events amount to."""
    transcript = Transcript()
    for event in journal:
        transcript.apply(event)
    return transcript.messages()


def coalesced(journal: Iterable[events.Event]) -> list[events.Event]:
    """The events with neighbouring chunks of one message joined, as a store may hold them."""
    joined: list[events.Event] = []
    for event in journal:
        last = joined[-1] if joined else None
        if (
            isinstance(event, events.TextChunk | events.ThoughtChunk)
            and isinstance(last, events.TextChunk | events.ThoughtChunk)
            and type(last) is type(event)
            and last.message_id == event.message_id
        ):
            joined[-1] = msgspec.structs.replace(last, text=last.text + event.text)
        else:
            joined.append(event)
    return joined


async def collect(stream: AsyncIterator[events.Event]) -> list[events.Event]:
    return [event async for event in stream]


if TYPE_CHECKING:
    _host: type[ports.Host] = Host
    _tool: type[ports.Tool] = Tool
    _source: type[ports.ToolSource] = Source
    _workspace: type[ports.Workspace] = Workspace
