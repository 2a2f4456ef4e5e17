"""Endpoints that a client chose for providers, and providers it switched off. Never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import msgspec

from acp_agent.base.errors import ConfigError, InvalidChoice
from acp_agent.providers import address
from acp_agent.sdk.model_choice import LAST_CHOICE, ModelChoice, default_model
from acp_agent.sdk.settings.config import Config
from acp_agent.sdk.settings.presets import PRESETS, ProviderType
from acp_agent.sdk.settings.provider import ProviderConfig
from acp_agent.sdk.settings.secret import Secret
from acp_agent.surface.backend import EndpointRefused, ProviderRoute

_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class Endpoint(msgspec.Struct, frozen=True):
    """Where requests go in place of what the settings say, with nothing but these headers to be let in."""

    protocol: ProviderType
    base_url: str
    headers: tuple[tuple[str, Secret], ...] = ()


class ProviderChoice(msgspec.Struct, frozen=True):
    """What the client has chosen so far. No key of the settings is ever sent to its endpoints."""

    endpoints: Mapping[str, Endpoint] = {}
    off: frozenset[str] = frozenset()

    def set(
        self, config: Config, name: str, protocol: str, base_url: str, headers: Mapping[str, str]
    ) -> ProviderChoice:
        """The choice with this endpoint for one of the providers in `config`.

        Raises:
            InvalidChoice: there is no such provider, or it does not speak that protocol.
            EndpointRefused: nothing can be sent there as it is given.
        """
        known = {provider.name: provider.type for provider in config.providers if provider.type != "scripted"}
        if name not in known:
            raise InvalidChoice("provider", name, tuple(known))
        if protocol != known[name]:
            raise InvalidChoice("protocol", protocol, (known[name],))
        _check_url(name, base_url)
        _check_headers(name, headers)
        endpoint = Endpoint(
            cast("ProviderType", protocol),  # it is one of those known
            base_url.rstrip("/"),
            tuple((header, Secret(value)) for header, value in headers.items()),
        )
        return ProviderChoice({**self.endpoints, name: endpoint}, self.off - {name})

    def disable(self, config: Config, name: str) -> ProviderChoice:
        """The choice without this provider.

        Raises:
            EndpointRefused: the settings name a model of it.
        """
        if name == _required(config):
            raise EndpointRefused(
                "providerId", f"`{name}` cannot be switched off: {config.model_origin} names a model of it"
            )
        if all(provider.name != name for provider in config.providers):
            return self
        endpoints = {other: endpoint for other, endpoint in self.endpoints.items() if other != name}
        return ProviderChoice(endpoints, self.off | {name})

    def applied_to(self, config: Config) -> Config:
        """The settings as they are with this choice; a model that no setting names may change with it."""
        if not self.endpoints and not self.off:
            return config
        providers = tuple(
            self._routed(provider) for provider in config.providers if provider.name not in self.off
        )
        model, origin = config.model, config.model_origin
        if _required(config) is None and not _still_there(config, providers):
            choice = self._default(providers)
            model, origin = choice.model, choice.origin
        return msgspec.structs.replace(config, providers=providers, model=model, model_origin=origin)

    def routes(self, config: Config) -> tuple[ProviderRoute, ...]:
        """Where requests to the providers in `config` go with this choice."""
        required = _required(config)
        return tuple(
            ProviderRoute(provider.name, provider.type, self._address(provider), provider.name == required)
            for provider in config.providers
            if provider.type != "scripted"
        )

    def _address(self, provider: ProviderConfig) -> str | None:
        if provider.name in self.off:
            return None
        if provider.name in self.endpoints:
            return self.endpoints[provider.name].base_url
        if not provider.usable:
            return None
        return urlsplit(provider.base_url)._replace(query="", fragment="").geturl()

    def _routed(self, provider: ProviderConfig) -> ProviderConfig:
        endpoint = self.endpoints.get(provider.name)
        if endpoint is None:
            return provider
        url = endpoint.base_url
        if endpoint.protocol == "anthropic":
            url = url.removesuffix("/v1")  # ours ends before the version, not everybody's does
        return msgspec.structs.replace(
            provider, base_url=url, api_key=None, key_source="", headers=endpoint.headers, keyless=True
        )

    def _default(self, providers: tuple[ProviderConfig, ...]) -> ModelChoice:
        for provider in providers:
            preset = PRESETS.get(provider.name)
            listed = provider.models[0].id if provider.models else preset.default_model if preset else ""
            if provider.name in self.endpoints and listed:
                return ModelChoice(f"{provider.name}/{listed}", "endpoint chosen by the client")
        return default_model(providers)


def _required(config: Config) -> str | None:
    """The provider of the model that a setting names."""
    choice = ModelChoice(config.model, config.model_origin)
    if choice.origin == LAST_CHOICE or choice == default_model(config.providers):
        return None
    return config.model.partition("/")[0]


def _still_there(config: Config, providers: tuple[ProviderConfig, ...]) -> bool:
    """Whether the model that the user chose last can still be asked."""
    name = config.model.partition("/")[0]
    return config.model_origin == LAST_CHOICE and any(
        provider.name == name and provider.usable for provider in providers
    )


def _check_url(name: str, url: str) -> None:
    try:
        address.check_url(name, url)
    except ConfigError as exc:
        raise EndpointRefused("baseUrl", f"{exc}; {exc.hint}") from exc
    if "?" in url or "#" in url:
        raise EndpointRefused("baseUrl", "must end with its path, without `?` or `#`")


def _check_headers(name: str, headers: Mapping[str, str]) -> None:
    try:
        address.check_headers(name, headers)
    except ConfigError as exc:
        raise EndpointRefused("headers", f"{exc}; {exc.hint}" if exc.hint else str(exc)) from exc
    for header in headers:
        if header.lower() in _FRAMING:
            raise EndpointRefused("headers", f"`{header}` is set by whoever sends the request")
