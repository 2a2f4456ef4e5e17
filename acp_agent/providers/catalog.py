"""What is known about models by their name: sizes, prices, abilities. Data; nothing here asks the network.

Sizes, and what a model may be told, hold for a whole family of names (`gpt-4o-…`). Prices and thinking hold
only for a name itself and its dated versions: a new variant usually costs something else, and a wrong price
is worse than none.
"""

from __future__ import annotations

import re

import msgspec

from acp_agent.model.session import ModelInfo, Parameter

_ALL: tuple[Parameter, ...] = ("temperature", "max_output_tokens", "parallel_calls")
# Models that reason by themselves draw their words at the temperature they want; the oldest call one tool.
_REASONING: tuple[Parameter, ...] = ("max_output_tokens", "parallel_calls")
_SERIAL: tuple[Parameter, ...] = ("max_output_tokens",)

# What a service takes as `reasoning_effort`; `default` is to say nothing.
_EFFORTS = ("default", "low", "medium", "high")
_FROM_MINIMAL = ("default", "minimal", "low", "medium", "high")
_FROM_OFF = ("default", "off", "low", "medium", "high")
_TO_MAX = (*_FROM_OFF, "max")


class _Known(msgspec.Struct, frozen=True):
    """Tokens, and US dollars per million tokens: input, output, cache read, cache write."""

    family: str
    name: str
    context_size: int
    max_output: int
    prices: tuple[float, float, float | None, float | None] | None = None
    takes_images: bool = True
    thinks: bool = False
    takes_audio: bool = False
    levels: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = _ALL


def _reasons(
    family: str,
    name: str,
    context_size: int,
    max_output: int,
    prices: tuple[float, float, float | None, float | None],
    levels: tuple[str, ...],
    parameters: tuple[Parameter, ...] = _REASONING,
) -> _Known:
    return _Known(
        family, name, context_size, max_output, prices, thinks=True, levels=levels, parameters=parameters
    )


_OPENAI = (
    _reasons("gpt-5.2", "GPT-5.2", 400_000, 128_000, (1.75, 14.0, 0.175, None), _TO_MAX),
    _reasons("gpt-5.1", "GPT-5.1", 400_000, 128_000, (1.25, 10.0, 0.125, None), _FROM_OFF),
    _reasons("gpt-5", "GPT-5", 400_000, 128_000, (1.25, 10.0, 0.125, None), _FROM_MINIMAL),
    _reasons("gpt-5-mini", "GPT-5 mini", 400_000, 128_000, (0.25, 2.0, 0.025, None), _FROM_MINIMAL),
    _reasons("gpt-5-nano", "GPT-5 nano", 400_000, 128_000, (0.05, 0.4, 0.005, None), _FROM_MINIMAL),
    _Known("gpt-4.1", "GPT-4.1", 1_047_576, 32_768, (2.0, 8.0, 0.5, None)),
    _Known("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, 32_768, (0.4, 1.6, 0.1, None)),
    _Known("gpt-4.1-nano", "GPT-4.1 nano", 1_047_576, 32_768, (0.1, 0.4, 0.025, None)),
    _reasons("o3", "o3", 200_000, 100_000, (2.0, 8.0, 0.5, None), _EFFORTS, _SERIAL),
    _reasons("o4-mini", "o4-mini", 200_000, 100_000, (1.1, 4.4, 0.275, None), _EFFORTS, _SERIAL),
    _Known("gpt-4o", "GPT-4o", 128_000, 16_384, (2.5, 10.0, 1.25, None)),
    _Known("gpt-4o-mini", "GPT-4o mini", 128_000, 16_384, (0.15, 0.6, 0.075, None)),
)
_ANTHROPIC = (
    _Known("claude-sonnet-4-5", "Claude Sonnet 4.5", 200_000, 64_000, (3.0, 15.0, 0.3, 3.75), thinks=True),
    _Known("claude-opus-4-5", "Claude Opus 4.5", 200_000, 64_000, (5.0, 25.0, 0.5, 6.25), thinks=True),
    _Known("claude-haiku-4-5", "Claude Haiku 4.5", 200_000, 64_000, (1.0, 5.0, 0.1, 1.25), thinks=True),
    _Known("claude-opus-4-1", "Claude Opus 4.1", 200_000, 32_000, (15.0, 75.0, 1.5, 18.75), thinks=True),
    _Known("claude-opus-4", "Claude Opus 4", 200_000, 32_000, (15.0, 75.0, 1.5, 18.75), thinks=True),
    _Known("claude-sonnet-4", "Claude Sonnet 4", 200_000, 64_000, (3.0, 15.0, 0.3, 3.75), thinks=True),
    _Known("claude-3-7-sonnet", "Claude Sonnet 3.7", 200_000, 64_000, (3.0, 15.0, 0.3, 3.75), thinks=True),
    _Known("claude-3-5-haiku", "Claude Haiku 3.5", 200_000, 8_192, (0.8, 4.0, 0.08, 1.0)),
)
_FAMILIES = (
    # Sizes of whole families, for members without an entry of their own.
    _Known("claude", "", 200_000, 32_000),
    _Known("claude-3", "", 200_000, 4_096),
    _Known("claude-3-5", "", 200_000, 8_192),
    _Known("gpt-audio", "", 128_000, 16_384, takes_images=False, takes_audio=True),
    _Known("gpt-4o-audio", "", 128_000, 16_384, takes_images=False, takes_audio=True),
)
_OFFERED = {"openai": _OPENAI, "anthropic": _ANTHROPIC}

_VERSION = re.compile(r"(-latest|-\d{8}|-\d{4}-\d{2}-\d{2})?")


def known_models(provider: str) -> tuple[ModelInfo, ...]:
    """The models offered for the provider of this name when none are configured; empty for most names."""
    offered = _OFFERED.get(provider, ())
    return tuple(_info(known, f"{provider}/{known.family}", known.name) for known in offered)


def model_info(provider: str, model_id: str) -> ModelInfo:
    """What is known of a model; cautious defaults for one that nothing is known of.

    `model_id` is the service's own name; an organization in front of it (`anthropic/claude-…`) is ignored.
    """
    full_id = f"{provider}/{model_id}"
    bare = model_id.rpartition("/")[2]
    candidates = (*_OPENAI, *_ANTHROPIC, *_FAMILIES)
    matching = [known for known in candidates if bare == known.family or bare.startswith(f"{known.family}-")]
    if not matching:
        return ModelInfo(full_id, model_id, parameters=_ALL)
    known = max(matching, key=lambda known: len(known.family))
    is_itself = _VERSION.fullmatch(bare.removeprefix(known.family)) is not None
    if is_itself and known.name:
        return _info(known, full_id, known.name if bare == known.family else model_id)
    return msgspec.structs.replace(
        _info(known, full_id, model_id),
        input_price=None,
        output_price=None,
        cache_read_price=None,
        cache_write_price=None,
        thinks=False,
        thought_levels=(),
    )


def _info(known: _Known, full_id: str, name: str) -> ModelInfo:
    prices = known.prices or (None, None, None, None)
    return ModelInfo(
        full_id,
        name,
        known.context_size,
        known.max_output,
        *prices,
        takes_images=known.takes_images,
        thinks=known.thinks,
        takes_audio=known.takes_audio,
        thought_levels=known.levels,
        parameters=known.parameters,
    )
