"""The embedded model: plays a script instead of asking a service, for tests and for a first look."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterator, MutableSequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import anyio
import anyio.lowlevel

from acp_agent import ports
from acp_agent.base.clock import utc_now
from acp_agent.base.errors import ConfigError, ProviderError
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    FromAssistant,
    FromTools,
    FromUser,
    ModelDelta,
    ModelRequest,
    Retrying,
    StepFinished,
    TextDelta,
    ThoughtDelta,
)
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.providers import faults
from acp_agent.providers.script import (
    Break,
    Call,
    Document,
    Flood,
    Raw,
    Refuse,
    Reply,
    Say,
    Script,
    Think,
    filled,
    parse_script,
    words,
)

REMEMBERED = 100

_TOUR = Path(__file__).with_name("tour.script")


class ScriptedProvider:
    """A deterministic model without state: the reply depends on the request alone.

    `requests` holds the last `REMEMBERED` requests, in order; pass `record` to keep all in your own list.

    Raises:
        ConfigError: the script cannot be understood.
    """

    def __init__(
        self,
        script: Script | str,
        name: str = "scripted",
        models: tuple[ModelInfo, ...] = (),
        record: list[ModelRequest] | None = None,
    ) -> None:
        self.name = name
        self.requests: MutableSequence[ModelRequest] = deque(maxlen=REMEMBERED) if record is None else record
        self._script = parse_script(script) if isinstance(script, str) else script
        self._models = models or (ModelInfo(f"{name}/script", "Scripted model"),)

    @classmethod
    def from_file(cls, path: Path, name: str = "scripted") -> ScriptedProvider:
        """A model that plays the script in a UTF-8 file.

        Raises:
            ConfigError: the file cannot be read or understood.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as exc:
            raise ConfigError(f"cannot read the script `{path}`: {exc}") from exc
        return cls(text, name)

    @classmethod
    def tour(cls, name: str = "scripted") -> ScriptedProvider:
        """The model people meet before they have configured a real one."""
        text = _TOUR.read_text(encoding="utf-8")
        return cls(text, name, (ModelInfo(f"{name}/tour", "Guided tour (no model configured)"),))

    def models(self) -> tuple[ModelInfo, ...]:
        """The one model there is, unless others were given."""
        return self._models

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Play the next reply.

        Raises:
            ProviderError: the script says so, or has no reply left (fault `script`).
        """
        self.requests.append(request)
        prompt, result, n_answered = _position(request)
        reply = self._script.reply(prompt, n_answered)
        if reply is None:
            raise ProviderError(
                f"the script has no reply number {n_answered + 1} to `{faults.clean(prompt)}`",
                fault="script",
                provider=self.name,
                hint="add a reply to the script",
            )
        for delta in self._played(reply, prompt, result, len(request.messages)):
            if delta is None:
                await anyio.sleep_forever()
            else:
                # A real stream gives other tasks a turn between pieces; so does this one.
                await anyio.lowlevel.checkpoint()
                yield delta
        yield StepFinished(reply.finish_reason, reply.usage)

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def aclose(self) -> None:
        """Nothing to close."""

    def _played(self, reply: Reply, prompt: str, result: str, n_messages: int) -> Iterator[ModelDelta | None]:
        """The deltas of a reply; None stands for silence until cancelled."""
        shown = False
        n_calls = 0
        for act in reply.acts:
            match act:
                case Think(text):
                    yield from map(ThoughtDelta, words(filled(text, prompt=prompt, result=result)))
                case Say(text):
                    yield from map(TextDelta, words(filled(text, prompt=prompt, result=result)))
                case Flood(n_deltas):
                    yield from (TextDelta(f"w{number} ") for number in range(n_deltas))
                case Call(name, arguments):
                    # The position in the conversation makes the id unique in it without a memory.
                    yield CallStarted(n_calls, f"call_{n_messages}_{n_calls}", name)
                    half = len(arguments) // 2
                    for part in (arguments[:half], arguments[half:]):
                        if part:
                            yield CallArguments(n_calls, part)
                    n_calls += 1
                case Refuse():
                    error = self._refusal(act, shown=shown)
                    if act.times is None:
                        raise error
                    yield from (Retrying(attempt, 0.0, str(error)) for attempt in range(1, act.times + 1))
                    continue
                case Document(content_type, text):
                    raise faults.not_a_stream(self.name, content_type, text.encode())
                case Break("cut" | "reset"):
                    raise faults.bad_stream(self.name, "was cut off")
                case Break():
                    yield None
                case Raw():
                    continue
                case _:
                    assert_never(act)
            shown = True

    def _refusal(self, act: Refuse, *, shown: bool) -> ProviderError:
        if shown:
            return faults.refused_in_stream(self.name, act.message)
        return faults.refused(self.name, act.status, {}, act.message.encode(), now=utc_now())


def _position(request: ModelRequest) -> tuple[str, str, int]:
    """The user's last words, the last tool result, and how often the model has answered since those words."""
    prompt = ""
    result = ""
    n_answered = 0
    for message in request.messages:
        match message:
            case FromUser(content):
                texts = [item.text for item in content if isinstance(item, Text)]
                if texts:
                    prompt, n_answered = "\n".join(texts), 0
            case FromAssistant():
                n_answered += 1
            case FromTools(results):
                texts = [item.text for item in results[-1].content if isinstance(item, Text)]
                result = "\n".join(texts)
            case _:
                assert_never(message)
    return prompt, result, n_answered


if TYPE_CHECKING:
    _: type[ports.Provider] = ScriptedProvider
