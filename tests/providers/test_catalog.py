from __future__ import annotations

import pytest

from acp_agent.model.session import ModelInfo, Parameter
from acp_agent.providers.catalog import known_models, model_info

ALL: tuple[Parameter, ...] = ("temperature", "max_output_tokens", "parallel_calls")


def test_known_model_has_its_sizes_and_prices() -> None:
    assert model_info("anthropic", "claude-sonnet-4-5") == ModelInfo(
        "anthropic/claude-sonnet-4-5",
        "Claude Sonnet 4.5",
        context_size=200_000,
        max_output=64_000,
        input_price=3.0,
        output_price=15.0,
        cache_read_price=0.3,
        cache_write_price=3.75,
        thinks=True,
        parameters=ALL,
    )


@pytest.mark.parametrize("version", ["-20250929", "-2025-09-29", "-latest"])
def test_dated_version_is_the_model_itself(version: str) -> None:
    info = model_info("anthropic", f"claude-sonnet-4-5{version}")
    assert info.input_price == 3.0
    assert info.name == f"claude-sonnet-4-5{version}"


def test_unknown_variant_has_the_familys_size_but_no_price() -> None:
    info = model_info("openai", "gpt-5-extra")
    assert info.context_size == 400_000
    assert (info.input_price, info.output_price, info.cache_read_price) == (None, None, None)


def test_longest_family_wins() -> None:
    assert model_info("openai", "gpt-4.1-mini").input_price == 0.4
    assert model_info("openai", "gpt-4o-mini-2024-07-18").input_price == 0.15


def test_later_version_is_not_taken_for_an_earlier_one() -> None:
    assert model_info("openai", "gpt-5.9") == ModelInfo("openai/gpt-5.9", "gpt-5.9", parameters=ALL)


def test_organization_in_front_is_ignored() -> None:
    info = model_info("openrouter", "anthropic/claude-haiku-4-5")
    assert info.id == "openrouter/anthropic/claude-haiku-4-5"
    assert info.context_size == 200_000


def test_unknown_model_has_cautious_defaults() -> None:
    assert model_info("ollama", "qwen3:8b") == ModelInfo("ollama/qwen3:8b", "qwen3:8b", parameters=ALL)


def test_providers_offer_their_own_models_under_their_own_name() -> None:
    for provider in ("openai", "anthropic"):
        models = known_models(provider)
        assert models == tuple(model_info(provider, model.id.partition("/")[2]) for model in models)
        assert len({model.id for model in models}) == len(models) > 3
    assert known_models("ollama") == ()


@pytest.mark.parametrize(
    ("model", "levels", "parameters"),
    [
        ("gpt-5", ("default", "minimal", "low", "medium", "high"), ALL[1:]),
        ("gpt-5.1", ("default", "off", "low", "medium", "high"), ALL[1:]),
        ("gpt-5.2-2025-12-11", ("default", "off", "low", "medium", "high", "max"), ALL[1:]),
        ("o4-mini", ("default", "low", "medium", "high"), ALL[1:2]),
        ("gpt-4.1", (), ALL),
        ("gpt-5-extra", (), ALL[1:]),
    ],
)
def test_what_a_model_can_be_told(
    model: str, levels: tuple[str, ...], parameters: tuple[Parameter, ...]
) -> None:
    info = model_info("openai", model)
    assert (info.thought_levels, info.parameters) == (levels, parameters)
