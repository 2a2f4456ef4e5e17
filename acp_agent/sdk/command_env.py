"""The environment that commands and hooks start from: ours without the keys that the settings use.

Where a key lies under a name, and in a form, that gives nothing away, only the settings know that it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acp_agent.sdk.settings.config import Config
from acp_agent.sdk.settings.secret import Secret

MIN_SECRET = 8
"""Characters of a key; what is shorter is also the value of variables that hold none."""


def without_keys(config: Config, env: Mapping[str, str]) -> dict[str, str]:
    """`env` without the variables that hold a key or header of a model or search service."""
    secrets = {text for secret in _secrets(config) if len(text := secret.reveal()) >= MIN_SECRET}
    return {name: value for name, value in env.items() if value not in secrets}


def _secrets(config: Config) -> Iterator[Secret]:
    for provider in config.providers:
        if provider.api_key:
            yield provider.api_key
        for _, value in provider.headers:
            yield value
    if config.search and config.search.api_key:
        yield config.search.api_key
