"""What was chosen for a model, byte for byte in the bodies of both services."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from acp_agent.base.jsontext import dump, load
from acp_agent.model.chat import FromUser, ModelRequest
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec
from acp_agent.providers import anthropic_request, openai_request
from acp_agent.providers.anthropic import AnthropicProvider
from acp_agent.providers.catalog import model_info
from acp_agent.providers.openai import OpenAIProvider

READ = ToolSpec("read", "Read a file.", {"type": "object"})


def request(model: ModelInfo, **told: Any) -> ModelRequest:
    return ModelRequest(model, "", (FromUser((Text("Hello"),)),), (READ,), **told)


def openai(model_id: str, **told: Any) -> dict[str, Any]:
    """The members of the body that are there for what was chosen."""
    model = openai_request.adjustable(model_info("openai", model_id))
    return beyond(openai_request.chat_body("openai", request(model, **told)), OPENAI_ALWAYS)


def anthropic(model_id: str, budget: int | None = None, **told: Any) -> dict[str, Any]:
    model = anthropic_request.adjustable(model_info("anthropic", model_id), budget)
    return beyond(
        anthropic_request.messages_body("anthropic", request(model, **told), budget), ANTHROPIC_ALWAYS
    )


OPENAI_ALWAYS = {"model", "messages", "stream", "stream_options", "tools"}
ANTHROPIC_ALWAYS = {"model", "messages", "stream", "tools"}


def beyond(body: object, usual: set[str]) -> dict[str, Any]:
    arrived = load(dump(body))
    assert isinstance(arrived, dict)
    assert usual <= arrived.keys()
    return {name: value for name, value in arrived.items() if name not in usual}


def test_nothing_chosen_is_nothing_said() -> None:
    assert openai("gpt-5") == openai("gpt-4.1") == openai("gpt-5", thought_level="default") == {}
    assert anthropic("claude-sonnet-4-5") == {"max_tokens": 64_000}


@pytest.mark.parametrize(
    ("level", "effort"),
    [("off", "none"), ("low", "low"), ("medium", "medium"), ("high", "high"), ("max", "xhigh")],
)
def test_a_level_is_an_effort_for_openai(level: str, effort: str) -> None:
    assert openai("gpt-5.2", thought_level=level) == {"reasoning_effort": effort}


@pytest.mark.parametrize(("level", "budget"), [("low", 4_096), ("medium", 16_384), ("high", 32_768)])
def test_a_level_is_a_budget_for_anthropic(level: str, budget: int) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert anthropic("claude-sonnet-4-5", thought_level=level) == {"max_tokens": 64_000, "thinking": thinking}


def test_off_is_stronger_than_the_budget_in_the_settings() -> None:
    configured = {"max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": 2_000}}
    assert anthropic("claude-sonnet-4-5", 2_000) == configured
    assert anthropic("claude-sonnet-4-5", 2_000, thought_level="configured") == configured
    assert anthropic("claude-sonnet-4-5", 2_000, thought_level="off") == {"max_tokens": 64_000}


def test_a_budget_leaves_room_in_a_short_answer() -> None:
    assert anthropic("claude-sonnet-4-5", thought_level="high", max_output=4_096) == {
        "max_tokens": 4_096,
        "thinking": {"type": "enabled", "budget_tokens": 4_096 - 1_024},
    }


def test_a_limit_is_never_above_the_models_own() -> None:
    assert anthropic("claude-3-5-haiku", max_output=50_000) == {"max_tokens": 8_192}
    assert openai("gpt-4o", max_output=50_000) == {"max_tokens": 16_384}


def test_models_that_reason_take_the_newer_name_of_the_limit_and_no_temperature() -> None:
    told = {"max_output": 4_096, "temperature": 0.3}
    assert openai("gpt-5", **told) == openai("gpt-5-extra", **told) == {"max_completion_tokens": 4_096}
    assert openai("gpt-4.1", **told) == {"max_tokens": 4_096, "temperature": 0.3}


def test_what_thinks_has_a_temperature_of_its_own() -> None:
    assert "temperature" not in anthropic("claude-sonnet-4-5", thought_level="low", temperature=0.3)
    assert anthropic("claude-sonnet-4-5", temperature=0.3)["temperature"] == 0.3


def test_one_call_at_a_time_is_asked_for_where_there_are_tools() -> None:
    assert openai("gpt-5", parallel_calls=False) == {"parallel_tool_calls": False}
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert anthropic("claude-sonnet-4-5", parallel_calls=False)["tool_choice"] == choice
    bare = msgspec.structs.replace(request(model_info("openai", "gpt-5"), parallel_calls=False), tools=())
    assert "parallel_tool_calls" not in openai_request.chat_body("openai", bare)
    assert "tool_choice" not in anthropic_request.messages_body("openai", bare, None)


async def test_providers_offer_the_levels_their_service_knows() -> None:
    thinks = ModelInfo("x/m", "M", thinks=True)
    plain = ModelInfo("x/n", "N")
    anthropic = AnthropicProvider("x", "http://127.0.0.1:9", None, (thinks, plain))
    budgeted = AnthropicProvider("x", "http://127.0.0.1:9", None, (thinks,), thinking_budget=5_000)
    openai = OpenAIProvider("x", "http://127.0.0.1:9", None, (thinks, plain))
    levels = [[model.thought_levels for model in one.models()] for one in (anthropic, budgeted, openai)]
    assert levels == [
        [("off", "low", "medium", "high"), ()],
        [("configured", "off", "low", "medium", "high")],
        [("default", "low", "medium", "high"), ()],
    ]
    for provider in (anthropic, budgeted, openai):
        await provider.aclose()


def test_a_model_too_small_to_think_and_answer_has_no_levels() -> None:
    small = ModelInfo("x/m", "M", max_output=2_000, thinks=True)
    assert anthropic_request.adjustable(small, None).thought_levels == ()
