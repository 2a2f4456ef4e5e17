"""What went wrong with a model, in our words: one table from statuses and error objects to errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from acp_agent.base.errors import ProviderError, ProviderFault
from acp_agent.base.jsontext import InvalidJson, JsonValue, load
from acp_agent.providers.retry import retry_after

MAX_QUOTE = 500
"""Characters of a provider's own text that an error repeats."""

_TOO_LONG = re.compile(
    r"context[ _](length|window|size)|maximum context|prompt is too long|input is too long"
    r"|too many (input )?tokens|exceed\w* (the )?context",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")

_REFUSED_OPTION = re.compile(
    r"\b(?:(?P<thinking>reasoning_effort|budget_tokens|thinking)|(?P<temperature>temperature)"
    r"|(?P<length>max_tokens|max_completion_tokens)"
    r"|(?P<calls>parallel_tool_calls|disable_parallel_tool_use))\b"
)
_OPTIONS = {
    "thinking": "Thinking",
    "temperature": "Temperature",
    "length": "Answer length",
    "calls": "Parallel tool calls",
}
"""Options of a session, by the group that finds their wire names in a complaint."""

_FAULT_OF_TYPE: Mapping[str, ProviderFault] = {
    "overloaded_error": "overloaded",
    "api_error": "overloaded",
    "server_error": "overloaded",
    "internal_server_error": "overloaded",
    "service_unavailable": "overloaded",
    "timeout_error": "timeout",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "rate_limited",
    "billing_error": "rate_limited",
    "authentication_error": "unauthorized",
    "invalid_api_key": "unauthorized",
    "permission_error": "unauthorized",
    "not_found_error": "not_found",
    "model_not_found": "not_found",
    "invalid_request_error": "invalid_request",
    "request_too_large": "context_too_long",
    "context_length_exceeded": "context_too_long",
}
_TRANSIENT = frozenset[ProviderFault]({"overloaded", "timeout", "rate_limited", "unreachable", "bad_stream"})
_UNPAID = frozenset({"insufficient_quota", "billing_error"})


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> ProviderError:
    """The error for an HTTP status other than 200; `headers` has lower-case names."""
    kind, text = _error_facts(body)
    fault = _fault_of_status(status, kind, text)
    retryable = status in (408, 409, 429) or status >= 500
    if kind in _UNPAID or fault == "context_too_long":
        retryable = False
    match headers.get("x-should-retry"):
        case "true":
            retryable = True
        case "false":
            retryable = False
        case _:
            pass
    return ProviderError(
        f"`{provider}` answered {status}" + (f": {text}" if text else ""),
        fault=fault,
        provider=provider,
        status=status,
        retryable=retryable,
        retry_after=retry_after(headers, now),
        hint=_hint(fault, provider, text),
    )


def refused_in_stream(provider: str, error: JsonValue) -> ProviderError:
    """The error for an error object inside a stream that had begun with status 200."""
    kind, text = _facts_of(error)
    fault = "context_too_long" if _TOO_LONG.search(text) else _FAULT_OF_TYPE.get(kind, "bad_stream")
    return ProviderError(
        f"`{provider}` broke off: {text or kind or 'no reason given'}",
        fault=fault,
        provider=provider,
        retryable=fault in _TRANSIENT and kind not in _UNPAID,
        hint=_hint(fault, provider, text),
    )


def not_a_stream(provider: str, content_type: str, body: bytes) -> ProviderError:
    """The error for a 200 answer that is a document, such as a login page, where a stream was asked for."""
    kind, text = _error_facts(body)
    fault = "context_too_long" if _TOO_LONG.search(text) else _FAULT_OF_TYPE.get(kind, "bad_stream")
    described = f"`{content_type}`" if content_type else "something else"
    return ProviderError(
        f"`{provider}` answered with {described} instead of an event stream" + (f": {text}" if text else ""),
        fault=fault,
        provider=provider,
        status=200,
        retryable=fault in _TRANSIENT and fault != "bad_stream",
        hint=_hint(fault, provider, text) or f"check the base URL of provider `{provider}`",
    )


def bad_stream(provider: str, what: str, *, retryable: bool = True) -> ProviderError:
    """The error for a stream that was cut off or is not what the service promises."""
    return ProviderError(
        f"the answer of `{provider}` {what}", fault="bad_stream", provider=provider, retryable=retryable
    )


def timed_out(provider: str, what: str, seconds: float) -> ProviderError:
    """The error for silence."""
    return ProviderError(
        f"`{provider}` sent {what} for {seconds:g} seconds",
        fault="timeout",
        provider=provider,
        retryable=True,
    )


def unreachable(provider: str, origin: str, why: str, *, retryable: bool) -> ProviderError:
    """The error for a connection that could not be made or broke before an answer.

    A certificate that is not trusted stays so, whatever `retryable` says.
    """
    untrusted = "CERTIFICATE_VERIFY_FAILED" in why
    if untrusted:
        hint = "set `SSL_CERT_FILE` to a file with the certificates that your server or proxy needs"
    elif retryable:
        hint = "check the network connection and proxy settings"
    else:
        hint = "check that the server runs and that its base URL is right"
    return ProviderError(
        f"cannot reach `{provider}` at {origin}: {clean(why) or 'connection failed'}",
        fault="unreachable",
        provider=provider,
        retryable=retryable and not untrusted,
        hint=hint,
    )


def clean(text: str) -> str:
    """`text` on one line, without control and invisible characters, cut to `MAX_QUOTE`."""
    text = " ".join(_CONTROL.sub(" ", text[: 8 * MAX_QUOTE]).split())
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1] + "…"


def _fault_of_status(status: int, kind: str, text: str) -> ProviderFault:
    if status in (400, 422) and (kind == "context_length_exceeded" or _TOO_LONG.search(text)):
        return "context_too_long"
    match status:
        case 401 | 403:
            return "unauthorized"
        case 404:
            return "not_found"
        case 408:
            return "timeout"
        case 413:
            return "context_too_long"
        case 402 | 429:
            return "rate_limited"
        case 409:
            return "overloaded"
        case _:
            return "overloaded" if status >= 500 else "invalid_request"


def _hint(fault: ProviderFault, provider: str, text: str) -> str:
    match fault:
        case "invalid_request":
            found = _REFUSED_OPTION.search(text)
            if found is None or found.lastgroup is None:
                return ""
            option = _OPTIONS[found.lastgroup]
            return f"the model does not take what is chosen: set the option `{option}` to another value"
        case "unauthorized":
            return f"check the API key of provider `{provider}`, or run `acp-agent doctor`"
        case "not_found":
            return f"check the model id and the base URL of provider `{provider}`"
        case "rate_limited":
            return "wait and try again, or check the account's limits and credit"
        case "overloaded":
            return "try again later, or choose another model"
        case "context_too_long":
            return "start a new session or choose a model with a larger context"
        case _:
            return ""


def _error_facts(body: bytes) -> tuple[str, str]:
    """Type and text of an error body that may be JSON, HTML or plain text."""
    try:
        return _facts_of(load(body))
    except InvalidJson:
        text = body.decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    if title:
        return "", clean(title[1])
    if text.lstrip()[:1] == "<":
        text = re.sub(r"<[^>]*>", " ", text)
    return "", clean(text)


def _facts_of(value: JsonValue) -> tuple[str, str]:
    """Type (the more telling of `code` and `type`) and text of an error object, however it is wrapped."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict) and isinstance(value.get("error"), dict | str):
        value = value["error"]
    if isinstance(value, str):
        return "", clean(value)
    if not isinstance(value, dict):
        return "", ""
    kinds = [kind for key in ("code", "type") if isinstance(kind := value.get(key), str)]
    kind = next((kind for kind in kinds if kind in _FAULT_OF_TYPE), kinds[0] if kinds else "")
    text = next((text for key in ("message", "detail") if isinstance(text := value.get(key), str)), "")
    return clean(kind), clean(text)
