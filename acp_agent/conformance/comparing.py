"""What is different between two reports."""

from __future__ import annotations

import msgspec

from acp_agent.conformance.report import Report


class Change(msgspec.Struct, frozen=True):
    """A requirement whose verdict is another; `before` or `after` is empty where one report lacks it."""

    id: str
    before: str
    after: str

    @property
    def is_worse(self) -> bool:
        """Whether it fails now and did not before."""
        return self.after == "fail"


def changes(before: Report, after: Report) -> list[Change]:
    """Every difference, in the order of the second report, then of the first."""
    old = {item.id: item.verdict for item in before.outcomes}
    new = {item.id: item.verdict for item in after.outcomes}
    return [
        Change(id, old.get(id, ""), new.get(id, ""))
        for id in dict.fromkeys([*new, *old])
        if old.get(id) != new.get(id)
    ]
