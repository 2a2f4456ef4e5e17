"""Everything but a few places: for rules that can only say what is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

_Names: TypeAlias = "dict[str, _Names]"


def everything_but(places: Iterable[Path]) -> Iterator[str]:
    """Paths that with all below them hold every file there is now, except those at or below `places`.

    Those are absolute and without links. Links are left out: where they lead to has a path of its own. So are
    the neighbours in a directory that cannot be listed. Files that are added later beside one of `places`, or
    beside a directory above it, are in none of the paths.
    """
    distinct = set(places)
    left_out: _Names = {}
    for place in distinct:
        if distinct.isdisjoint(place.parents):
            names = left_out
            for name in place.parts[1:]:
                names = names.setdefault(name, {})
    return _beside("/", left_out)


def _beside(folder: str, left_out: _Names) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name not in left_out and not entry.is_symlink():
                    yield entry.path
    except OSError:  # not there yet, no directory, or not to be listed
        return
    for name, below in left_out.items():
        if below:
            yield from _beside(os.path.join(folder, name), below)
