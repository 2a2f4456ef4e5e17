"""Whether new sessions could ask their model, and which credentials there are; never the credentials."""

from __future__ import annotations

from acp_agent.sdk.settings.config import Config
from acp_agent.sdk.settings.provider import ProviderConfig
from acp_agent.surface.backend import Account, AuthStatus

_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI", "openrouter": "OpenRouter"}


def auth_status(config: Config) -> AuthStatus:
    """How things stand with these settings."""
    chosen = config.model.partition("/")[0]
    accounts = tuple(
        Account(label, provider.name == chosen)
        for provider in config.providers
        if (label := _label(provider)) is not None
    )
    for provider in config.providers:
        if provider.name == chosen:
            if _label(provider) is not None:
                return AuthStatus("authenticated", accounts)
            if provider.usable:
                return AuthStatus("not_required", accounts)
            return AuthStatus("unauthenticated" if provider.is_locked else "unknown", accounts)
    return AuthStatus("unauthenticated", accounts)


def _label(provider: ProviderConfig) -> str | None:
    name = _NAMES.get(provider.name, provider.name)
    if provider.api_key is not None:
        return f"{name} API key"
    return f"{name} credentials in headers" if provider.has_key_header else None
