"""Endpoints of model services, chosen by the client over version 1. Its headers are secret and never told."""

from __future__ import annotations

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, object_params
from acp_agent.surface.backend import Backend, EndpointRefused, ProviderRoute
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.accounts import AccountMethods
from acp_agent.surface.v1.wire import read


class ProviderMethods:
    """Handlers for `providers/*`."""

    def __init__(self, backend: Backend, accounts: AccountMethods) -> None:
        self._backend = backend
        self._accounts = accounts

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {
            "providers/list": self._list,
            "providers/set": self._set,
            "providers/disable": self._disable,
        }

    async def _list(self, call: Call) -> JsonValue:
        object_params(call.params)
        return {"providers": [_shown(route) for route in self._backend.provider_routes()]}

    async def _set(self, call: Call) -> JsonValue:
        given = read(params.SetProviderParams, call.params)
        try:
            self._backend.set_provider(given.provider_id, given.api_type, given.base_url, given.headers)
        except InvalidChoice as exc:
            raise exc.called("apiType" if exc.field == "protocol" else "providerId") from None
        except EndpointRefused as exc:
            raise invalid_params(exc.field, str(exc)) from None
        self._accounts.tell_change()
        return {}

    async def _disable(self, call: Call) -> JsonValue:
        given = read(params.ProviderParams, call.params)
        try:
            self._backend.disable_provider(given.provider_id)
        except EndpointRefused as exc:
            raise invalid_params(exc.field, str(exc)) from None
        self._accounts.tell_change()
        return {}


def _shown(route: ProviderRoute) -> JsonObject:
    shown: JsonObject = {
        "providerId": route.name,
        "supported": [route.protocol],
        "required": route.required,
    }
    if route.base_url is not None:
        shown["current"] = {"apiType": route.protocol, "baseUrl": route.base_url}
    return shown
