"""From exceptions to wire errors: the one place. What a client reads says what happened and what to do."""

from __future__ import annotations

import logging

from acp_agent.base.errors import (
    AcpAgentError,
    ConfigError,
    InvalidChoice,
    SessionClosed,
    SessionInUse,
    SessionNotFound,
    StoreError,
    WorkspaceError,
)
from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.events import TurnFault
from acp_agent.rpc.errors import (
    AUTH_REQUIRED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    RESOURCE_NOT_FOUND,
    RpcError,
    invalid_params,
)
from acp_agent.surface.handshake import BadVersion

logger = logging.getLogger(__name__)


def to_rpc(exc: Exception) -> RpcError:
    """The error answer for any exception of a handler; unexpected ones are logged under an incident id."""
    match exc:
        case RpcError():
            return exc
        case BadVersion():
            return invalid_params("protocolVersion", str(exc))
        case InvalidChoice():
            return invalid_params(exc.field, str(exc))
        case SessionNotFound():
            message = f"{exc}; open one that session/list names with session/load or session/resume"
            return RpcError(RESOURCE_NOT_FOUND, message, {"sessionId": exc.session_id})
        case SessionClosed():
            return RpcError(INVALID_REQUEST, f"{exc}; load it again", {"sessionId": exc.session_id})
        case SessionInUse():
            data: JsonObject = {"kind": "session_in_use", "sessionId": exc.session_id}
            return RpcError(INVALID_REQUEST, str(exc), {**data, "holder": exc.holder} if exc.holder else data)
        case ConfigError():
            return RpcError(
                INTERNAL_ERROR, f"{exc}; {exc.hint}" if exc.hint else str(exc), {"kind": "config"}
            )
        case StoreError():
            hint = "check the disk and the rights of the data directory (`acp-agent doctor` names it)"
            return RpcError(INTERNAL_ERROR, f"{exc}; {hint}", {"kind": "store"})
        case WorkspaceError():
            return invalid_params("", str(exc))
        case AcpAgentError():
            return RpcError(INTERNAL_ERROR, str(exc))
        case _:
            incident = random_id("incident")
            logger.error("unexpected error (%s)", incident, exc_info=exc)
            return RpcError(INTERNAL_ERROR, "Internal error", {"incident": incident})


def turn_error(fault: TurnFault, auth_methods: list[JsonObject]) -> RpcError:
    """The error that answers a prompt whose turn failed."""
    parts = [f"{fault.provider}: {fault.message}" if fault.provider else fault.message]
    if fault.hint:
        parts.append(fault.hint)
    data: JsonObject = {"kind": fault.fault}
    for key, value in (
        ("provider", fault.provider or None),
        ("status", fault.status),
        ("retryAfter", fault.retry_after),
        ("hint", fault.hint or None),
    ):
        if value is not None:
            data[key] = value
    if fault.fault in ("unauthorized", "not_configured"):
        return RpcError(AUTH_REQUIRED, "; ".join(parts), {**data, "authMethods": [*auth_methods]})
    return RpcError(INTERNAL_ERROR, "; ".join(parts), data)
