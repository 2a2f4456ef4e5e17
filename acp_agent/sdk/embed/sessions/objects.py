"""Objects instead of prose: an answer of the model that fits a JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import aclosing
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.jsontext import InvalidJson, JsonValue
from acp_agent.model import chat
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolSpec
from acp_agent.sdk.embed.errors import ConfigInvalid, QuestionEmpty, RunFailed
from acp_agent.sdk.embed.opening.resilience import inside_tool
from acp_agent.sdk.embed.runs.results import TokenUsage
from acp_agent.sdk.embed.sessions.base import SessionBase
from acp_agent.sdk.embed.sessions.object_schema import ObjectSchema, value_in

ObjectMode: TypeAlias = Literal["auto", "tool", "prompt"]
"""How the model gives the object: as arguments of a tool, as JSON in its text, or in either way."""

MAX_REPAIRS = 5
"""Times that a model can be asked again."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SYSTEM = "You turn what you are given into data of a given form. You make nothing up."


class GeneratedObject(msgspec.Struct, frozen=True):
    """An object that fits its schema.

    Attributes:
        object: the value; any kind of JSON that the schema allows.
        usage: tokens of all requests.
        repair_attempts: how often the model was asked again.
        mode: how it gave the value in the end.
    """

    object: JsonValue
    usage: TokenUsage
    repair_attempts: int
    mode: Literal["tool", "prompt"]


class _Said(msgspec.Struct, frozen=True):
    """One answer of the model; `arguments` is None unless it called the tool."""

    text: str
    arguments: str | None
    finish: chat.FinishReason
    usage: chat.Usage


class SessionObjects(SessionBase):
    """Asks the session's model for objects, beside the conversation and without knowing of it."""

    async def generate_object(
        self,
        schema: Mapping[str, JsonValue],
        prompt: str,
        *,
        schema_name: str = "result",
        schema_description: str = "",
        system: str = "",
        mode: ObjectMode = "auto",
        max_repair_attempts: int = 2,
    ) -> GeneratedObject:
        """Let the model answer with a value that fits a JSON Schema; it knows nothing but what is said here.

        A value that does not fit is sent back with what is wrong, at most `max_repair_attempts` (0 to 5)
        times. The conversation does not change.

        Raises:
            ConfigInvalid: the schema or another argument cannot be used.
            QuestionEmpty: there is no prompt.
            RunFailed: the model did not answer, or never fitted (`code` is `object_invalid`).
            SessionClosed: the session is closed.
        """
        self._check_open()
        if not prompt.strip():
            raise QuestionEmpty
        if not _NAME.fullmatch(schema_name):
            raise ConfigInvalid(f"`schema_name`: `{schema_name}` has more than letters, digits, `_` and `-`")
        if not 0 <= max_repair_attempts <= MAX_REPAIRS:
            raise ConfigInvalid(f"`max_repair_attempts`: must be 0 to {MAX_REPAIRS}")
        if not isinstance(schema, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] # callers need no types
            raise ConfigInvalid(f"`schema`: must be a mapping, not `{type(schema).__name__}`")
        wanted = ObjectSchema(dict(schema))
        tools = () if mode == "prompt" else (_tool(wanted, schema_name, schema_description),)
        messages: list[chat.ChatMessage] = [chat.FromUser((Text(prompt),))]
        told = _instructions(wanted, schema_name, schema_description, mode, system)
        usage, wrong = TokenUsage(), ""
        for attempt in range(max_repair_attempts + 1):
            with inside_tool():  # the calls of a run are counted, and these are none
                said = await self._answered(messages, told, tools)
            usage = usage.plus(TokenUsage.of(said.usage))
            value, wrong = _judged(said, wanted, mode)
            if not wrong:
                used = "prompt" if said.arguments is None else "tool"
                return GeneratedObject(value, usage, attempt, used)
            messages += [
                chat.FromAssistant((Text(said.arguments or said.text or "(nothing)"),)),
                chat.FromUser((Text(f"That does not fit:\n{wrong}\nGive the whole value again."),)),
            ]
        raise RunFailed(f"the model gave no `{schema_name}` that fits: {wrong}", code="object_invalid")

    async def _answered(
        self, messages: list[chat.ChatMessage], system: str, tools: tuple[ToolSpec, ...]
    ) -> _Said:
        provider, model = self._session.answer_context().choose_model()
        text, arguments, usage = "", None, chat.Usage()
        finish: chat.FinishReason = "stop"
        request = chat.ModelRequest(model, system, tuple(messages), tools, parallel_calls=False)
        try:
            async with aclosing(provider.stream(request)) as deltas:
                async for delta in deltas:
                    match delta:
                        case chat.TextDelta(more):
                            text += more
                        case chat.CallStarted(0):
                            arguments = ""
                        case chat.CallArguments(0, more):
                            arguments = (arguments or "") + more
                        case chat.StepFinished(finish, usage):
                            pass
                        case _:
                            pass
        except ProviderError as exc:
            raise RunFailed.of(exc) from exc
        return _Said(text, arguments, finish, usage)


def _tool(wanted: ObjectSchema, name: str, description: str) -> ToolSpec:
    return ToolSpec(name, description or "Give the value that was asked for.", wanted.arguments)


def _instructions(wanted: ObjectSchema, name: str, description: str, mode: ObjectMode, system: str) -> str:
    if mode != "prompt":
        how = f"Answer by calling the tool `{name}` once, with the value as arguments."
        return f"{system or _SYSTEM}\n\n{how}"
    what = f" It is: {description}" if description else ""
    return (
        f"{system or _SYSTEM}\n\nAnswer with one JSON value and nothing else, no words before or behind it."
        f"{what}\nIt must fit this JSON Schema:\n{wanted.text}"
    )


def _judged(said: _Said, wanted: ObjectSchema, mode: ObjectMode) -> tuple[JsonValue, str]:
    """The value, and what is wrong with it, empty for nothing."""
    if said.finish == "refusal":
        return None, "you refused to answer"
    if said.finish == "max_tokens":
        return None, "the answer was longer than you can write; give a shorter one"
    try:
        if said.arguments is not None:
            value = wanted.from_arguments(said.arguments)
        elif mode == "tool":
            return None, "you did not call the tool"
        else:
            value = value_in(said.text)
    except InvalidJson as exc:
        return None, f"it is no JSON: {exc}"
    return value, "\n".join(wanted.complaints(value))
