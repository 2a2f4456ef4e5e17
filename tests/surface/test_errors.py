"""One exception, one answer; nothing secret in any."""

from __future__ import annotations

import pytest

from acp_agent.base import errors
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.events import TurnFault
from acp_agent.rpc import errors as rpc
from acp_agent.rpc.errors import RpcError
from acp_agent.surface.errors import to_rpc, turn_error
from acp_agent.surface.handshake import BadVersion
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema()
METHODS: list[JsonObject] = [{"id": "configured", "name": "n"}]


@pytest.mark.parametrize(
    ("exc", "code", "words", "data"),
    [
        (BadVersion("why"), rpc.INVALID_PARAMS, "why", {"field": "protocolVersion", "reason": "why"}),
        (
            errors.InvalidChoice("mode", "x", ("a", "b")),
            rpc.INVALID_PARAMS,
            "choose one of: a, b",
            {"field": "mode", "reason": "`mode`: unknown value `x`; choose one of: a, b"},
        ),
        (errors.SessionNotFound("s"), rpc.RESOURCE_NOT_FOUND, "session/list", {"sessionId": "s"}),
        (errors.SessionClosed("s"), rpc.INVALID_REQUEST, "load it again", {"sessionId": "s"}),
        (
            errors.SessionInUse("s", "process 7"),
            rpc.INVALID_REQUEST,
            "is in use by process 7; close it there first",
            {"kind": "session_in_use", "sessionId": "s", "holder": "process 7"},
        ),
        (
            errors.SessionInUse("s"),
            rpc.INVALID_REQUEST,
            "is in use by another process",
            {"kind": "session_in_use", "sessionId": "s"},
        ),
        (errors.ConfigError("bad", hint="mend it"), rpc.INTERNAL_ERROR, "bad; mend it", {"kind": "config"}),
        (errors.ConfigError("bad"), rpc.INTERNAL_ERROR, "bad", {"kind": "config"}),
        (errors.StoreError("full"), rpc.INTERNAL_ERROR, "full; check the disk", {"kind": "store"}),
        (errors.StoreCorrupt("torn"), rpc.INTERNAL_ERROR, "torn; check the disk", {"kind": "store"}),
        (
            errors.FileMissing("/x"),
            rpc.INVALID_PARAMS,
            "no such file",
            {"field": "", "reason": "no such file: `/x`"},
        ),
        (errors.ToolError("odd"), rpc.INTERNAL_ERROR, "odd", None),
    ],
)
def test_the_table_of_answers(exc: Exception, code: int, words: str, data: JsonValue) -> None:
    answer = to_rpc(exc)
    assert (answer.code, answer.data) == (code, data)
    assert words in answer.message
    assert SCHEMA.violations("Error", answer.to_wire()) == []


def test_an_answer_that_is_one_already_stays_as_it_is() -> None:
    answer = RpcError(-32099, "m", {"a": 1})
    assert to_rpc(answer) is answer


def test_a_bug_is_answered_with_nothing_but_an_incident(caplog: pytest.LogCaptureFixture) -> None:
    answer = to_rpc(ValueError("secret detail"))
    assert (answer.code, answer.message) == (rpc.INTERNAL_ERROR, "Internal error")
    assert isinstance(answer.data, dict)
    assert list(answer.data) == ["incident"]
    assert "secret detail" in caplog.text
    assert str(answer.data["incident"]) in caplog.text


def test_codes_are_distinct() -> None:
    codes = [value for name, value in vars(rpc).items() if name.isupper() and isinstance(value, int)]
    assert len(codes) == len(set(codes)) == 8


@pytest.mark.parametrize("fault", ["unauthorized", "not_configured"])
def test_a_fault_a_login_can_mend_lists_the_ways_to_log_in(fault: errors.ProviderFault) -> None:
    answer = turn_error(TurnFault("no key", fault, "openai", 401, None, "enter one"), METHODS)
    assert (answer.code, answer.message) == (rpc.AUTH_REQUIRED, "openai: no key; enter one")
    assert answer.data == {
        "kind": fault,
        "provider": "openai",
        "status": 401,
        "hint": "enter one",
        "authMethods": METHODS,
    }


def test_any_other_fault_says_what_is_known_and_no_more() -> None:
    limited = turn_error(TurnFault("slow down", "rate_limited", "p", 429, 2.5), METHODS)
    assert (limited.code, limited.message) == (rpc.INTERNAL_ERROR, "p: slow down")
    assert limited.data == {"kind": "rate_limited", "provider": "p", "status": 429, "retryAfter": 2.5}
    assert turn_error(TurnFault("odd", "internal"), METHODS).data == {"kind": "internal"}
