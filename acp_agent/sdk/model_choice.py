"""Which model new sessions start with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.providers.catalog import known_models
from acp_agent.sdk.settings.file import nearest
from acp_agent.sdk.settings.presets import PRESETS, SCRIPT_MODEL, TOUR_MODEL
from acp_agent.sdk.settings.provider import ProviderConfig

LAST_CHOICE = "your last choice"
"""Where a model comes from that no setting names: it was used last."""


class ModelChoice(msgspec.Struct, frozen=True):
    """A model as `provider/model`, and which setting chose it, for people."""

    model: str
    origin: str


def split_model(text: str) -> tuple[str, str]:
    """Provider and model id of `provider/model` or `provider:model`; the first separator counts.

    Raises:
        ConfigError: one of them is missing.
    """
    found = re.fullmatch(r"([^/:\s]+)[/:](\S+)", text)
    if found is None:
        raise ConfigError(
            f"`{text}` is not a model",
            hint="write `provider/model`, for example `anthropic/claude-sonnet-4-5`",
        )
    return found[1], found[2]


def check_model(text: str, origin: str, providers: Mapping[str, ProviderConfig]) -> ModelChoice:
    """The model a setting names.

    Raises:
        ConfigError: it is no `provider/model`, or there is no such provider.
    """
    try:
        name, model_id = split_model(text)
    except ConfigError as exc:
        raise ConfigError(f"{origin}: {exc}", hint=exc.hint) from exc
    if name not in providers:
        raise ConfigError(
            f"{origin}: no provider `{name}`{nearest(name, providers)}",
            hint=f"add `[providers.{name}]` to the configuration file, or use one of: {', '.join(providers)}",
        )
    model = f"{name}/{model_id}"
    if model == SCRIPT_MODEL and providers[name].script is None:
        raise ConfigError(f"{origin}: `{model}` has no script to play", hint="name one with `--script FILE`")
    return ModelChoice(model, origin)


def last_model(model: str, providers: Mapping[str, ProviderConfig]) -> ModelChoice | None:
    """The model the user chose last, if it is still on offer; no stand-in without a service behind it."""
    name, _, model_id = model.partition("/")
    provider = providers.get(name)
    if provider is None or provider.type == "scripted" or not provider.usable:
        return None
    offered = {listed.id for listed in provider.models} or {
        known.id.partition("/")[2] for known in known_models(name)
    }
    return ModelChoice(model, LAST_CHOICE) if model_id in offered else None


def default_model(providers: Iterable[ProviderConfig]) -> ModelChoice:
    """The first model that could answer, in the order of the providers, or the tour that always can."""
    for provider in providers:
        if provider.type == "scripted" or not provider.usable:
            continue
        if provider.models:
            return ModelChoice(f"{provider.name}/{provider.models[0].id}", "first model listed")
        preset = PRESETS.get(provider.name)
        if preset and preset.default_model and provider.needs_key:
            return ModelChoice(f"{provider.name}/{preset.default_model}", "default of the first usable key")
    return ModelChoice(TOUR_MODEL, "no key was found")
