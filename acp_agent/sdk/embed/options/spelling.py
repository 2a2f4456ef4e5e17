"""Names of fields: in camel case, and those that are meant by unknown ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.settings.file import nearest

T = TypeVar("T")


def snake_keys(given: Mapping[str, T]) -> dict[str, T]:
    """The mapping with its names as `snake` has them."""
    return {snake(name): value for name, value in given.items()}


def snake(name: str) -> str:
    """`maxTasks` as `max_tasks`, and so on."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def check_names(where: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse fields that are not known; `where` says in messages whose they are.

    Raises:
        ConfigInvalid: there is one; it names the nearest.
    """
    for name in given:
        if name not in known:
            raise ConfigInvalid(
                f"{where}: there is no `{name}`{nearest(name, known)}", hint=f"known: {', '.join(known)}"
            )
