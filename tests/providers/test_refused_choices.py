"""A service that refuses what was chosen: the user is told which option it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from acp_agent.base.jsontext import dump
from acp_agent.providers.faults import refused

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("complaint", "option"),
    [
        ("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model.", "Thinking"),
        ("thinking.budget_tokens: Input should be greater than or equal to 1024", "Thinking"),
        ("Unsupported value: 'temperature' does not support 0.3 with this model.", "Temperature"),
        ("max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens", "Answer length"),
        (
            "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
            "Parallel tool calls",
        ),
    ],
)
def test_the_option_that_was_refused_is_named(complaint: str, option: str) -> None:
    body = dump({"error": {"type": "invalid_request_error", "message": complaint}})
    error = refused("work", 400, {}, body, now=NOW)
    assert (error.fault, error.retryable) == ("invalid_request", False)
    assert f"`{option}`" in error.hint


def test_another_complaint_names_no_option() -> None:
    body = dump({"error": {"type": "invalid_request_error", "message": "messages: must not be empty"}})
    assert refused("work", 400, {}, body, now=NOW).hint == ""
