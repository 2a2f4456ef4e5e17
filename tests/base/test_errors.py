"""Errors say what happened in one style, and carry their facts."""

from __future__ import annotations

import inspect

import pytest

from acp_agent.base import errors

MADE = [
    errors.ConfigError("a setting is wrong", hint="mend it"),
    errors.ConnectionLost(),
    errors.ProviderError("not answered", fault="timeout", provider="p"),
    errors.ToolError("no match"),
    errors.HookFailed("it answered with no JSON"),
    errors.WorkspaceError("cannot write"),
    errors.PathOutsideWorkspace("/etc/x", ("/a", "/b")),
    errors.FileMissing("/x"),
    errors.NotText("/x"),
    errors.TooLarge("/x", 10, 5),
    errors.StoreError("cannot open"),
    errors.StoreTooNew("/x", 9, 1),
    errors.StoreCorrupt("cannot read"),
    errors.SessionInUse("s", "process 1 on `host`"),
    errors.SessionNotFound("s"),
    errors.SessionClosed("s"),
    errors.InvalidChoice("mode", "x", ("a", "b")),
    errors.CommandRefused("no such thing"),
]


def test_every_class_of_error_is_listed_here() -> None:
    classes = {
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.AcpAgentError)
    }
    assert classes - {type(made) for made in MADE} == {errors.AcpAgentError, errors.SessionError}


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_messages_are_one_sentence_in_lower_case(error: errors.AcpAgentError) -> None:
    text = str(error)
    assert text
    assert text[0] == "`" or text[0].islower()
    assert not text.endswith(".")
    assert "\n" not in text


def test_the_documented_tree_is_the_tree() -> None:
    assert errors.__doc__ is not None
    for error in MADE:
        assert type(error).__name__ in errors.__doc__


def test_facts_can_be_read_from_the_error() -> None:
    assert errors.PathOutsideWorkspace("/etc/x", ("/a", "/b")).path == "/etc/x"
    assert "/a, /b" in str(errors.PathOutsideWorkspace("/etc/x", ("/a", "/b")))
    assert errors.InvalidChoice("mode", "x", ("a", "b")).field == "mode"
    failed = errors.ProviderError(
        "m", fault="rate_limited", provider="p", status=429, retryable=True, retry_after=2
    )
    assert (
        failed.fault,
        failed.provider,
        failed.status,
        failed.retryable,
        failed.retry_after,
        failed.hint,
    ) == (
        "rate_limited",
        "p",
        429,
        True,
        2,
        "",
    )
