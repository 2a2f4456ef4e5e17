"""Names in camel case as the names that are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def snake_keys(given: Mapping[str, T]) -> dict[str, T]:
    """The mapping with `maxTasks` called `max_tasks`, and so on."""
    return {
        "".join(f"_{char.lower()}" if char.isupper() else char for char in name): value
        for name, value in given.items()
    }
