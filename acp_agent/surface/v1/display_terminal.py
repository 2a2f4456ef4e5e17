"""Terminals that a client only draws, for commands we run ourselves.

They are a convention among clients, not part of the protocol: `terminal_info`, `terminal_output` and
`terminal_exit` in the `_meta` of a tool call. Output is appended to what was sent before.
"""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Printed

REWRITE_LINE = "\r\x1b[K"
"""Goes back to the start of the line and clears it."""

_ANCHOR = 200  # characters that say where two ends of one long output overlap


class DisplayTerminal:
    """What one terminal has been sent. `embedded` is set once the call shows it."""

    def __init__(self, terminal_id: str) -> None:
        self.id = terminal_id
        self.embedded = False
        self._sent = ""

    def opening(self, cwd: str) -> JsonObject:
        """The entry that makes the terminal; it belongs into the call's introduction."""
        return {"terminal_info": {"terminal_id": self.id, "cwd": cwd}}

    def print(self, printed: Printed) -> JsonObject:
        """The entry with what is new in the output, none if nothing is."""
        data = appended(self._sent, printed.text)
        self._sent = printed.text
        return {"terminal_output": {"terminal_id": self.id, "data": data}} if data else {}

    def closing(self, printed: Printed | None) -> JsonObject:
        """The entry that says how the command ended, as far as that is known."""
        exit_code, signal = (printed.exit_code, printed.signal) if printed else (None, None)
        return {"terminal_exit": {"terminal_id": self.id, "exit_code": exit_code, "signal": signal}}


def appended(before: str, now: str) -> str:
    """What a terminal that shows `before` must be sent to show `now`, whose front may have been cut."""
    if now.startswith(before):
        return now[len(before) :]
    lines = before[: before.rfind("\n") + 1]
    if lines and now.startswith(lines):
        return REWRITE_LINE + now[len(lines) :]
    at = now.rfind(before[-_ANCHOR:])
    if at >= 0:
        return now[at + len(before[-_ANCHOR:]) :]
    if "\n" not in before:
        return REWRITE_LINE + now
    return "\n…\n" + now
