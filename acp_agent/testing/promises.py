"""How a broken promise of a port is told: what was done, what was promised, what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from acp_agent.base.errors import StoreError


class ContractBroken(AssertionError):
    """An adapter does not keep a promise of its port."""


async def refuses(
    what: str, act: Callable[[], Awaitable[object]], error: type[Exception] = StoreError
) -> None:
    """Check that acting raises `error`."""
    try:
        result = await act()
    except error:
        return
    except Exception as exc:
        raise ContractBroken(f"{what} must raise {error.__name__}; it raised {exc!r}") from exc
    raise ContractBroken(f"{what} must raise {error.__name__}; it returned {result!r}")


def same(what: str, seen: object, promised: object) -> None:
    """Check one value."""
    if seen != promised:
        raise ContractBroken(f"{what}: promised is {promised!r}, seen was {seen!r}")


def same_list(what: str, seen: Sequence[object], promised: Sequence[object]) -> None:
    """Check items one by one, so that the first wrong one is named."""
    for position, (found, wanted) in enumerate(zip(seen, promised, strict=False)):
        same(f"{what}, item {position}", found, wanted)
    same(f"{what}, number of items", len(seen), len(promised))
