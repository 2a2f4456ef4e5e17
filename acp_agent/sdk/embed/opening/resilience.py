"""What keeps a run from going wrong without end: tries, time limits, and an eye on what the model repeats.

parse retries     calls in a row whose arguments are no JSON object; one more than allowed ends the run
tool timeout      a tool that takes too long is cancelled, and the model is told
circuit breaker   a request that fails before it was answered is tried again, after 0.1 s times the try
duplicate guard   the same call for the n-th time is not run; the second such time ends the run
continuation      a model that stops in the middle of what it says is told to go on
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anyio
import msgspec

from acp_agent.base.errors import ProviderError, ToolError
from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, dump_text, load
from acp_agent.model import chat
from acp_agent.model.content import Content, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolOutcome, failed
from acp_agent.ports import Preview, Provider, Tool, ToolContext

if TYPE_CHECKING:
    from acp_agent import ports

REMEMBERED_CALLS = 8
"""Calls of a run that are compared with the next one."""

SHORT = 80
"""Characters of an answer that may be just an announcement."""

GO_ON = "Continue. Do what you have announced, or say that you are done."
"""What the model is told when it stopped in the middle."""

_ANNOUNCES = re.compile(r"\b(i'll |i will now |let me |i need to |next, i\b)", re.IGNORECASE)
_in_tool: ContextVar[bool] = ContextVar("in_tool", default=False)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is put up with; None and False are no limit.

    Attributes:
        parse_retries: unusable calls in a row.
        tool_timeout: seconds of one call.
        breaker: tries of one request.
        duplicates: which of the same calls is not run.
        continuations: how often in one run the model is told to go on.
    """

    parse_retries: int = 2
    tool_timeout: float | None = None
    breaker: int = 3
    duplicates: int = 3
    continuations: int = 3


class RunGuard:
    """What was seen in the running run of one session."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.say: Callable[[tuple[Content, ...]], bool] = lambda content: False
        self.checkpoint: Callable[[], anyio.Event | None] = lambda: None  # set once what was done is saved
        self.begin()

    def begin(self) -> None:
        """A new run begins."""
        self._n_unusable = 0
        self._n_continued = 0
        self._n_blocked = 0
        self._recent: deque[str] = deque(maxlen=REMEMBERED_CALLS)
        self._blocked: set[str] = set()

    def judge(self, answer: _Answer, provider: str) -> None:
        """Look at a complete answer of the model.

        Raises:
            ProviderError: it is the one too many.
        """
        calls = answer.calls()
        for name, arguments in calls:
            if arguments is None:
                self._n_unusable += 1
                if self._n_unusable > self.limits.parse_retries:
                    raise _gave_up(
                        f"the model sent unusable arguments {self._n_unusable} times in a row", provider
                    )
            else:
                self._n_unusable = 0
                self._compare(signature(name, arguments), name, provider)
        if calls or answer.finish != "stop" or self._n_continued >= self.limits.continuations:
            return
        if is_unfinished(answer.text) and self.say((Text(GO_ON),)):
            self._n_continued += 1

    def blocks(self, name: str, arguments: JsonObject) -> bool:
        """Whether this call is not to be run because it was made too often."""
        return signature(name, arguments) in self._blocked

    def _compare(self, call: str, name: str, provider: str) -> None:
        same = self._recent.count(call) + 1
        self._recent.append(call)
        self._blocked.discard(call)
        if self.limits.duplicates and same >= self.limits.duplicates:
            self._n_blocked += 1
            if self._n_blocked > 1:
                raise _gave_up(f"the model repeats the same call of `{name}`", provider)
            self._blocked.add(call)


class GuardedProvider:
    """A provider under guard. What it is asked by subagents, and without tools, is not judged."""

    def __init__(
        self,
        inner: Provider,
        guard: RunGuard,
        *,
        temperature: float | None = None,
        thinking_budget: int | None = None,
        context_size: int | None = None,
        timeout: float | None = None,
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._guard = guard
        self._temperature = temperature
        self._thinking_budget = thinking_budget
        self._context_size = context_size
        self._timeout = timeout

    def models(self) -> tuple[ModelInfo, ...]:
        """The models, with as much context as is to be used."""
        limit = self._context_size
        if limit is None:
            return self._inner.models()
        return tuple(
            msgspec.structs.replace(model, context_size=min(limit, model.context_size))
            for model in self._inner.models()
        )

    async def stream(self, request: chat.ModelRequest) -> AsyncGenerator[chat.ModelDelta, None]:
        """Ask the model, again if it fails before it answered.

        Raises:
            ProviderError: it could not answer, or what it answered was too much.
        """
        if self._temperature is not None:
            request = msgspec.structs.replace(request, temperature=self._temperature)
        if self._thinking_budget is not None and request.model.takes_thinking_budget:
            request = msgspec.structs.replace(
                request, thinking_budget=self._thinking_budget, thought_level=""
            )
        tries, limit = max(1, self._guard.limits.breaker), self._timeout
        for attempt in range(1, tries + 1):
            answer = _Answer()
            try:
                async with aclosing(self._inner.stream(request)) as deltas:
                    async for delta in deltas if limit is None else _in_time(deltas, limit, self.name):
                        answer.take(delta)
                        if answer.finish and request.tools and not _in_tool.get():
                            self._guard.judge(answer, self.name)
                        yield delta
                return
            except ProviderError as exc:
                if answer.begun or not exc.retryable:
                    raise
                if attempt == tries:
                    raise _tripped(exc, attempt) from exc
            await anyio.sleep(0.1 * attempt)

    async def prepare(self) -> None:
        """Do the slow part of the first request."""
        await self._inner.prepare()

    async def aclose(self) -> None:
        """Do nothing: the provider belongs to the agent."""


class GuardedTool:
    """A tool under guard."""

    def __init__(self, inner: Tool, guard: RunGuard) -> None:
        self.spec = inner.spec
        self.inner = inner
        self._guard = guard

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """What it would do, unless it has done just that too often."""
        if self._guard.blocks(self.spec.name, args):
            raise ToolError(
                f"`{self.spec.name}` was called with the same arguments again and again; it was not run. "
                "Use the result you have, or take another way."
            )
        return await self.inner.preview(args, context)

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Do it in time."""
        limit, saved = self._guard.limits.tool_timeout, self._guard.checkpoint()
        if saved is not None:
            await saved.wait()
        with inside_tool(), anyio.move_on_after(limit):
            return await self.inner.run(args, context)
        return failed(f"Tool '{self.spec.name}' timed out after {round((limit or 0) * 1000)} ms")


def is_unfinished(text: str) -> bool:
    """Whether an answer looks as if something had to follow it."""
    said = text.strip()
    if not said:
        return True
    if len(said) < SHORT and "\n" not in said and said.endswith((":", "...", "…", ",")):
        return True
    last = re.split(r"(?<=[.!?])\s+|\n", said)[-1]
    return len(last) < SHORT * 2 and _ANNOUNCES.match(last) is not None


def signature(name: str, arguments: JsonObject) -> str:
    """What is the same for the same calls."""
    return f"{name} {dump_text(_sorted(arguments))}"


async def _in_time(
    deltas: AsyncGenerator[chat.ModelDelta, None], timeout: float, provider: str
) -> AsyncGenerator[chat.ModelDelta, None]:
    """The same, until the time is up.

    Raises:
        ProviderError: it is.
    """
    deadline = anyio.current_time() + timeout
    while True:
        delta = None
        with anyio.CancelScope(deadline=deadline):  # for each alone: none may stay open over a `yield`
            delta = await anext(deltas, None)
            if delta is None:
                return
        if delta is None:
            raise ProviderError(
                f"the LLM request timed out after {round(timeout * 1000)} ms",
                fault="timeout",
                provider=provider,
                retryable=True,
                hint="set `llm_api_timeout_ms` to more",
            )
        yield delta


class _Answer:
    """What the model has said so far."""

    def __init__(self) -> None:
        self.begun = False
        self.text = ""
        self.finish: chat.FinishReason | None = None
        self._names: dict[int, str] = {}
        self._arguments: dict[int, str] = {}

    def take(self, delta: chat.ModelDelta) -> None:
        if not isinstance(delta, chat.Retrying):
            self.begun = True
        match delta:
            case chat.TextDelta(text):
                self.text += text
            case chat.CallStarted(index, _, name):
                self._names[index], self._arguments[index] = name, ""
            case chat.CallArguments(index, text):
                self._arguments[index] += text
            case chat.StepFinished(reason):
                self.finish = reason
            case _:
                pass

    def calls(self) -> list[tuple[str, JsonObject | None]]:
        if self.finish == "max_tokens":
            return []
        return [(name, _object(self._arguments[index])) for index, name in sorted(self._names.items())]


@contextmanager
def inside_tool() -> Generator[None]:
    """Within it, what a provider answers is not judged: the run's own counts are about other calls."""
    before = _in_tool.set(True)
    try:
        yield
    finally:
        _in_tool.reset(before)


def _object(text: str) -> JsonObject | None:
    try:
        value = load(text.encode() or b"{}")
    except (InvalidJson, UnicodeError):
        return None
    return value if isinstance(value, dict) else None


def _sorted(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _gave_up(why: str, provider: str) -> ProviderError:
    return ProviderError(why, fault="bad_stream", provider=provider, hint="send another prompt")


def _tripped(cause: ProviderError, n_tries: int) -> ProviderError:
    return ProviderError(
        f"LLM circuit breaker triggered: failed after {n_tries} attempt(s): {cause}",
        fault=cause.fault,
        provider=cause.provider,
        status=cause.status,
        retry_after=cause.retry_after,
        hint=cause.hint,
    )


if TYPE_CHECKING:
    _: type[ports.Provider] = GuardedProvider
    __: type[ports.Tool] = GuardedTool
