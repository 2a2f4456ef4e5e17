"""Which model services can be used, and where their keys come from; never the keys."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.sdk.settings.config import Config

KeyStatus: TypeAlias = Literal["found", "not_needed", "missing"]


class Credential(msgspec.Struct, frozen=True):
    """How one provider stands.

    Attributes:
        source: where the key was found, or would be looked for; empty if nowhere.
        in_clear: the key would leave this machine unencrypted.
    """

    provider: str
    status: KeyStatus
    source: str
    in_clear: bool


def credentials(config: Config) -> tuple[Credential, ...]:
    """How every provider of the configuration stands, in its order."""
    return tuple(
        Credential(
            provider.name,
            "found" if provider.api_key else "missing" if provider.needs_key else "not_needed",
            provider.key_source,
            in_clear=provider.base_url.startswith("http://") and not provider.is_local,
        )
        for provider in config.providers
    )
