"""Hooks about model requests, and about prompts as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.model.chat import FromUser, ModelRequest, Usage
from acp_agent.model.content import Content, Text


async def generation_starts(hooks: SessionHooks, request: ModelRequest) -> str | None:
    """None if the model may be asked, else why not."""
    answer = await hooks.ask("generate_start", lambda: _request(request))
    return answer.reason if answer.action == "block" else None


async def generation_ended(
    hooks: SessionHooks,
    request: ModelRequest,
    text: str,
    calls: Iterable[str],
    usage: Usage,
    *,
    seconds: float,
) -> None:
    """Tell them what the model answered, and the tools it calls."""

    def facts() -> JsonObject:
        names: list[JsonValue] = list(calls)
        return {
            "prompt": last_words(request),
            "model": request.model.id,
            "response_text": text,
            "tool_calls": names,
            "usage": usage_object(usage),
            "duration_ms": round(seconds * 1000),
        }

    await hooks.ask("generate_end", facts)


async def prompt_given(hooks: SessionHooks, content: tuple[Content, ...]) -> str | None:
    """None if the prompt may be worked on, else why not."""

    def facts() -> JsonObject:
        return {"prompt": words(content), "working_directory": hooks.working_directory}

    answer = await hooks.ask("pre_prompt", facts)
    return answer.reason if answer.action == "block" else None


def usage_object(usage: Usage) -> JsonObject:
    """The tokens as hooks are told them."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def words(content: Iterable[object]) -> str:
    """The texts in it."""
    return "\n".join(part.text for part in content if isinstance(part, Text))


def last_words(request: ModelRequest) -> str:
    """What the user said last."""
    for message in reversed(request.messages):
        if isinstance(message, FromUser):
            return words(message.content)
    return ""


def _request(request: ModelRequest) -> JsonObject:
    provider, _, model = request.model.id.partition("/")
    tools: list[JsonValue] = [tool.name for tool in request.tools]
    return {
        "prompt": last_words(request),
        "system_prompt": request.system,
        "model_provider": provider,
        "model_name": model,
        "available_tools": tools,
    }
