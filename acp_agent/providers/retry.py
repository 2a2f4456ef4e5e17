"""When to ask a model again, and after how long: pure decisions, no waiting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from acp_agent.base.errors import ProviderError


class RetryPolicy(msgspec.Struct, frozen=True):
    """Limits of retrying; times are seconds.

    Attributes:
        max_retries: further requests after the first.
        max_empty_retries: the same for an answer that ended properly but said nothing.
        first_delay: before the first retry; doubles up to `max_delay`, minus up to a quarter of jitter.
        max_retry_after: a provider that asks for a longer pause is not asked again.
        budget: pauses and failed retries together may take this long.
    """

    max_retries: int = 4
    max_empty_retries: int = 2
    first_delay: float = 0.5
    max_delay: float = 8.0
    max_retry_after: float = 60.0
    budget: float = 90.0


def delay_before_retry(
    policy: RetryPolicy, error: ProviderError, *, attempt: int, spent: float, jitter: float
) -> float | None:
    """Seconds to wait before retry number `attempt` (from 1), or None to give up.

    `spent` is what retrying has cost so far in seconds, `jitter` a random number in [0, 1).
    """
    if not error.retryable or attempt > policy.max_retries:
        return None
    if error.fault == "timeout" and error.status is None:
        return None  # the user has waited minutes already; asking again would hide that
    delay = error.retry_after
    if delay is None:
        delay = min(policy.max_delay, policy.first_delay * 2 ** (attempt - 1)) * (1 - jitter / 4)
    elif delay > policy.max_retry_after:
        return None
    return delay if spent + delay <= policy.budget else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the response asks to wait, or None if it does not say so in a usable way.

    `headers` has lower-case names. `retry-after-ms` wins over `retry-after`, which is seconds or a date.
    """
    milliseconds = _positive(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _positive(text)
    if seconds is not None:
        return seconds
    from email.utils import parsedate_to_datetime  # lazy: 8 ms, and few servers send dates

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - now).total_seconds()
    return wait if wait > 0 else None


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
