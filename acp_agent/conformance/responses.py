"""What a response to a request has to be: a result, or an error about what was asked for."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import at, text_at
from acp_agent.conformance.verdicts import Broken, Skipped, expect

LOGIN_FIRST = -32000
"""The code of the error that asks for a login."""

_METHOD_NOT_FOUND = -32601


def result_of(method: str, response: JsonObject) -> JsonValue:
    """The result in a response.

    Raises:
        Broken: it is an error.
        Skipped: it is the error that asks for a login.
    """
    if "error" not in response:
        return response.get("result")
    if at(response, "error", "code") == LOGIN_FIRST:
        raise Skipped(f"`{method}` wants a login: {text_at(response, 'error', 'message')}")
    raise Broken(f"`{method}` was answered with {jsontext.dump_text(response['error'])}")


def expect_refused(method: str, response: JsonObject, otherwise: str) -> None:
    """Go on if the response is an error about what was asked for.

    Raises:
        Broken: it is a result, and then `otherwise` says what that means; or the method is not known at all.
    """
    expect("error" in response, otherwise)
    unknown = at(response, "error", "code") == _METHOD_NOT_FOUND
    expect(not unknown, f"`{method}` is offered, and answered with {_METHOD_NOT_FOUND}")
