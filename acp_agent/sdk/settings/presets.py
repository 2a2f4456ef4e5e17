"""Model services known by name, so that a key in the environment is all the configuration they need."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

ProviderType: TypeAlias = Literal["openai", "anthropic", "scripted"]
"""How a service is spoken to: which provider class it needs."""

PROVIDER_TYPES: tuple[ProviderType, ...] = ("openai", "anthropic", "scripted")


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a service before anything is configured.

    Attributes:
        key_env: the variable its key is usually kept in; empty for services without keys.
        base_url_env: the variable that moves its endpoint; empty if there is none.
        default_model: used when a key is all there is; empty if no model is an obvious choice.
    """

    type: ProviderType
    base_url: str = ""
    key_env: str = ""
    base_url_env: str = ""
    default_model: str = ""


PRESETS: dict[str, Preset] = {
    "anthropic": Preset(
        type="anthropic",
        base_url="https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        base_url_env="ANTHROPIC_BASE_URL",
        default_model="claude-sonnet-4-5",
    ),
    "openai": Preset(
        type="openai",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        base_url_env="OPENAI_BASE_URL",
        default_model="gpt-5",
    ),
    "scripted": Preset(type="scripted"),
    "openrouter": Preset(
        type="openai", base_url="https://openrouter.ai/api/v1", key_env="OPENROUTER_API_KEY"
    ),
    "ollama": Preset(type="openai", base_url="http://localhost:11434/v1"),
    "lmstudio": Preset(type="openai", base_url="http://localhost:1234/v1"),
    "llamacpp": Preset(type="openai", base_url="http://localhost:8080/v1"),
}
"""The services by name, the preferred ones first."""

ALWAYS_PRESENT: tuple[str, ...] = ("anthropic", "openai", "scripted")
"""Providers every configuration has; the other presets appear once a file or a model name mentions them."""

TOUR_MODEL = "scripted/tour"
"""The model that needs nothing: a scripted walk through what the agent does."""

SCRIPT_MODEL = "scripted/script"
"""The model that plays the script file which was configured."""
