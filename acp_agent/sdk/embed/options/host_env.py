"""What a program may put in place of chance, time, confinement and patience."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import msgspec

from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.ids import IdSource, random_id
from acp_agent.model import events
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import NotNegative, converted

if TYPE_CHECKING:
    from acp_agent.providers.http import HttpSettings

SandboxMode: TypeAlias = Literal["auto", "require", "off"]


class SequentialIdGenerator:
    """Ids that count: `sess_1`, `turn_2`, … The same program gets the same ids each time."""

    def __init__(self, start: int = 1) -> None:
        self._next = start

    def __call__(self, prefix: str) -> str:
        """The next id."""
        number, self._next = self._next, self._next + 1
        return f"{prefix}_{number}"


class FixedClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.now = now if now.tzinfo else now.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self.now += timedelta(seconds=seconds)


class HostEnv(msgspec.Struct, frozen=True, kw_only=True):
    """Where ids and times of a session come from, None for the usual.

    Attributes:
        id_generator: given a prefix such as `turn`, returns an id that begins with it and was not there yet.
        clock: returns the present moment, aware, in UTC.
    """

    id_generator: Callable[[str], str] | None = None
    clock: Callable[[], datetime] | None = None

    @classmethod
    def of(cls, given: HostEnv | Mapping[str, object] | None) -> HostEnv:
        """The environment, also from a mapping.

        Raises:
            ConfigInvalid: it has something else in it, or something that cannot be called.
        """
        if given is None or isinstance(given, HostEnv):
            return given or cls()
        for name, value in given.items():
            if name not in cls.__struct_fields__ or not callable(value):
                raise ConfigInvalid(f"`host_env`: `{name}` is no `id_generator` or `clock` to call")
        return cls(**given)  # pyright: ignore[reportArgumentType] # looked at one by one

    def ids(self) -> IdSource:
        """What makes ids; those of a session's past have to be told to it."""
        return random_id if self.id_generator is None else FreshIds(self.id_generator)

    def time(self) -> Clock:
        """What tells the time."""
        return self.clock or utc_now


class FreshIds:
    """Leaves out what a generator has given in an earlier life of the session."""

    def __init__(self, generator: Callable[[str], str]) -> None:
        self._generator = generator
        self._taken: set[str] = set()

    def __call__(self, prefix: str) -> str:
        """A new id."""
        while (made := self._generator(prefix)) in self._taken:
            continue
        return made

    def take(self, event: events.Event) -> None:
        """Give none of the ids in this event again."""
        for name in event.__struct_fields__:
            if name.endswith("_id") and isinstance(value := getattr(event, name), str):
                self._taken.add(value)


class RetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How requests to model services are tried again; what a service itself asks to wait wins.

    Attributes:
        max_retries: further requests after the first.
        base_delay_ms: milliseconds before the first of them; doubles each time, less up to a quarter.
        max_delay_ms: milliseconds before any of them at most.
    """

    max_retries: NotNegative = 3
    base_delay_ms: NotNegative = 1_000
    max_delay_ms: NotNegative = 30_000

    @classmethod
    def of(cls, given: RetryConfig | Mapping[str, object]) -> RetryConfig:
        """The configuration, also from a mapping.

        Raises:
            ConfigInvalid: a value is unknown, or no whole number from 0 on.
        """
        return converted(given, cls, "`retry_config`")

    def http(self) -> HttpSettings:
        """The same as model services are asked."""
        from acp_agent.providers.http import HttpSettings  # lazy: few sessions retry in a way of their own
        from acp_agent.providers.retry import RetryPolicy

        usual = RetryPolicy()
        first, longest = self.base_delay_ms / 1000, self.max_delay_ms / 1000
        return HttpSettings(
            retry=RetryPolicy(
                max_retries=self.max_retries,
                max_empty_retries=min(self.max_retries, usual.max_empty_retries),
                first_delay=first,
                max_delay=longest,
                budget=max(usual.budget, self.max_retries * longest),
            )
        )


def sandbox_mode(given: object) -> SandboxMode | None:
    """What `sandbox` says.

    Raises:
        ConfigInvalid: it asks for something that is not there, such as a virtual machine.
    """
    if given is None or given in get_args(SandboxMode):
        return given  # pyright: ignore[reportReturnType] # one of them
    if isinstance(given, str):
        raise ConfigInvalid(f"`sandbox`: `{given}` is none of auto, require, off")
    raise ConfigInvalid(
        "`sandbox`: commands cannot be run in a virtual machine of an image",
        hint="set `sandbox` to `require` to have the kernel confine them, or give a `workspace_backend`",
    )
