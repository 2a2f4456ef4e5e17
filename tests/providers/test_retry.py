from __future__ import annotations

from datetime import UTC, datetime

import pytest

from acp_agent.base.errors import ProviderError, ProviderFault
from acp_agent.providers.retry import RetryPolicy, delay_before_retry, retry_after

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def failure(
    *, fault: ProviderFault = "overloaded", retryable: bool = True, retry_after: float | None = None
) -> ProviderError:
    return ProviderError("x", fault=fault, provider="p", retryable=retryable, retry_after=retry_after)


def delay(error: ProviderError, attempt: int = 1, spent: float = 0.0, jitter: float = 0.0) -> float | None:
    return delay_before_retry(RetryPolicy(), error, attempt=attempt, spent=spent, jitter=jitter)


def test_delays_double_up_to_their_limit_and_end() -> None:
    policy = RetryPolicy(max_retries=7)
    delays = [
        delay_before_retry(policy, failure(), attempt=attempt, spent=0, jitter=0) for attempt in range(1, 9)
    ]
    assert delays == [0.5, 1, 2, 4, 8, 8, 8, None]


def test_jitter_takes_away_up_to_a_quarter() -> None:
    assert delay(failure(), jitter=1.0) == 0.375


def test_what_may_not_be_repeated_is_not() -> None:
    assert delay(failure(retryable=False)) is None


def test_silence_is_not_waited_for_twice() -> None:
    assert delay(failure(fault="timeout")) is None


def test_requested_pause_is_kept_up_to_a_minute() -> None:
    assert delay(failure(retry_after=60.0)) == 60.0
    assert delay(failure(retry_after=60.5)) is None


def test_retrying_ends_with_its_budget() -> None:
    assert delay(failure(retry_after=30.0), spent=60.0) == 30.0
    assert delay(failure(retry_after=30.0), spent=60.1) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Tue, 01 Jan 2030 00:00:20 GMT"}, 20.0),
        ({"retry-after": "Tue, 01 Jan 2030 00:00:20 -0000"}, 20.0),
        ({"retry-after": "Mon, 31 Dec 2029 00:00:00 GMT"}, None),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_pause_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds
