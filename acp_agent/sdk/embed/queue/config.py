"""The configuration of a session's queue, in all its spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import msgspec

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import NotNegative, Positive, converted

Lane: TypeAlias = Literal["control", "query", "execute", "generate"]
"""What touches nothing; what reads; what changes or runs something; model requests."""

LANES: tuple[Lane, ...] = ("control", "query", "execute", "generate")
HandlerMode: TypeAlias = Literal["internal", "external", "hybrid"]
"""Calls are run here; by the program; here, with the program told."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and after how long, a call of the lane `query` is tried again that got no answer."""

    strategy: Literal["exponential", "fixed", "none"] = "exponential"
    max_retries: NotNegative = 3
    initial_delay_ms: NotNegative = 100
    fixed_delay_ms: NotNegative = 100

    def delay_ms(self, attempt: int) -> int | None:
        """How long to wait after this try, the first is 1; None to give up."""
        if self.strategy == "none" or attempt > self.max_retries:
            return None
        return self.fixed_delay_ms if self.strategy == "fixed" else self.initial_delay_ms * 2 ** (attempt - 1)


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls of a lane may begin in a time."""

    per: Literal["second", "minute", "hour", "unlimited"] = "unlimited"
    max_operations: Positive = 1

    @property
    def seconds(self) -> float:
        """That time; nothing if there is no limit."""
        return {"second": 1.0, "minute": 60.0, "hour": 3600.0, "unlimited": 0.0}[self.per]


class LaneHandler(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs the calls of a lane; `timeout_ms` is how long one may take, None for the lane's own."""

    mode: HandlerMode = "internal"
    timeout_ms: Positive | None = None


class SessionQueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a session queues its work.

    Attributes:
        control_max_concurrency, query_max_concurrency, execute_max_concurrency, generate_max_concurrency:
            how much of each lane goes on at once.
        default_timeout_ms: milliseconds a call may take, once its turn has come.
        lane_timeouts: the same for single lanes.
        enable_metrics: whether `queue_metrics` counts.
        enable_dlq: whether calls that got no answer are kept in `dead_letters`.
        enable_alerts: whether the program is told when many calls wait.
        enable_all_features: all three.
        retry_policy: for calls that change nothing and got no answer.
        rate_limit: for each lane on its own.
        pressure_threshold: how many calls of a lane may wait before the program is told.
    """

    control_max_concurrency: Positive = 2
    query_max_concurrency: Positive = 4
    execute_max_concurrency: Positive = 1
    generate_max_concurrency: Positive = 1
    default_timeout_ms: Positive = 60_000
    lane_timeouts: Mapping[str, Positive] = {}
    enable_metrics: bool = False
    enable_dlq: bool = False
    enable_alerts: bool = False
    enable_all_features: bool = False
    retry_policy: RetryPolicy = RetryPolicy(strategy="none")
    rate_limit: RateLimit = RateLimit()
    pressure_threshold: Positive = 50

    @classmethod
    def of(cls, value: SessionQueueConfig | Mapping[str, object]) -> SessionQueueConfig:
        """The configuration written as a mapping.

        Raises:
            ConfigInvalid: it cannot be used.
        """
        config = converted(value, cls, "`queue_config`")
        for lane in config.lane_timeouts:
            check_lane(lane)
        return config

    def max_concurrency(self, lane: Lane) -> int:
        """How much of this lane goes on at once."""
        return cast("int", getattr(self, f"{lane}_max_concurrency"))

    def timeout_ms(self, lane: Lane) -> int:
        """How long a call of this lane may take."""
        return self.lane_timeouts.get(lane, self.default_timeout_ms)

    def has(self, feature: Literal["metrics", "dlq", "alerts"]) -> bool:
        """Whether this is on."""
        return self.enable_all_features or cast("bool", getattr(self, f"enable_{feature}"))


def check_lane(name: str) -> Lane:
    """The lane of this name.

    Raises:
        ConfigInvalid: there is none.
    """
    for lane in LANES:
        if lane == name:
            return lane
    raise ConfigInvalid(f"there is no lane `{name}`", hint=f"lanes: {', '.join(LANES)}")
