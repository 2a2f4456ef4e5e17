"""Providers made from their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider
from acp_agent.providers.catalog import known_models, model_info
from acp_agent.sdk.locked_provider import LockedProvider
from acp_agent.sdk.settings.config import Config
from acp_agent.sdk.settings.provider import ProviderConfig

if TYPE_CHECKING:
    from acp_agent.providers.http import HttpSettings


class _Http(TypedDict, total=False):
    http: HttpSettings


def build_providers(config: Config, http: HttpSettings | None = None) -> dict[str, Provider]:
    """Every provider that could answer, by name, in order of preference; and the one the model names.

    `http` says how requests behave, if they are to behave in an unusual way.

    Raises:
        ConfigError: a provider's settings cannot be used.
    """
    chosen = config.model.partition("/")[0]
    return {
        settings.name: _build(settings, config, {} if http is None else {"http": http})
        for settings in config.providers
        if settings.usable or settings.name == chosen
    }


def _build(settings: ProviderConfig, config: Config, http: _Http) -> Provider:
    if settings.type == "scripted":
        from acp_agent.providers.scripted import ScriptedProvider  # lazy: only for those without a model

        if settings.script is None:
            return ScriptedProvider.tour()
        return ScriptedProvider.from_file(settings.script, name=settings.name)
    key = settings.api_key.reveal() if settings.api_key else None
    headers = tuple((name, value.reveal()) for name, value in settings.headers)
    models = _models(settings, config.model)
    if settings.is_locked:
        return LockedProvider(settings.name, models, settings.key_source)
    if settings.type == "anthropic":
        from acp_agent.providers.anthropic import AnthropicProvider  # lazy: one of two

        return AnthropicProvider(
            settings.name,
            settings.base_url,
            key,
            models,
            headers,
            thinking_budget=settings.thinking_budget,
            **http,
        )
    from acp_agent.providers.openai import OpenAIProvider  # lazy: the other

    return OpenAIProvider(settings.name, settings.base_url, key, models, headers, **http)


def _models(settings: ProviderConfig, chosen: str) -> tuple[ModelInfo, ...]:
    """The models listed in the settings, else those known; and the chosen one, listed or not."""
    models = {
        model.id: model.applied_to(model_info(settings.name, model.id)) for model in settings.models
    } or {model.id.partition("/")[2]: model for model in known_models(settings.name)}
    provider, _, model_id = chosen.partition("/")
    if provider == settings.name and model_id not in models:
        models = {model_id: model_info(settings.name, model_id), **models}
    return tuple(models.values())
