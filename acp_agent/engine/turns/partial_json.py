"""What can be read already of a JSON object whose text is still coming in."""

from __future__ import annotations

import re

from acp_agent.base.jsontext import InvalidJson, JsonObject, load

_NEXT_IN_TEXT = re.compile(r'["\\]')
_NEXT_OUTSIDE = re.compile(r'["{}\[\],:]')


class PartialObject:
    """The text so far, scanned once however many pieces it comes in.

    Only the members of the object itself are told apart: those that are complete, and a text that is still
    growing. Anything nested shows when it is complete. Text that is no object has no members.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._depth = 0
        self._in_text = False
        self._skipping = False  # the next character is escaped
        self._in_value = False  # behind the colon of a member
        self._complete = 0  # up to here the text is members and nothing half
        self._closed = False

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> str:
        """Everything fed so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def feed(self, piece: str) -> bool:
        """Take in the next piece; whether a member was completed by it."""
        before = self._complete
        start, at = self._length, 1 if self._skipping and piece else 0
        self._pieces.append(piece)
        self._length += len(piece)
        self._skipping = self._skipping and not piece
        while found := (_NEXT_IN_TEXT if self._in_text else _NEXT_OUTSIDE).search(piece, at):
            at = found.end()
            if found[0] == "\\":
                at += 1
                self._skipping = at > len(piece)
            else:
                self._take(found[0], start + at)
        return self._complete > max(before, 1)

    def members(self) -> JsonObject | None:
        """The members as far as they can be read, None while that is not clear, such as amid an escape."""
        if not self._complete:
            return None
        text = self.text
        if self._in_text and self._in_value and self._depth == 1:
            text += '"}'
        else:
            text = text[: self._complete] + ("" if self._closed else "}")
        try:
            members = load(text.encode("utf-8", "surrogatepass"))
        except InvalidJson:
            return None
        return members if isinstance(members, dict) else None

    def _take(self, char: str, end: int) -> None:
        if self._closed:
            return
        match char:
            case '"':
                self._in_text = not self._in_text
                if not self._in_text and self._depth == 1 and self._in_value:
                    self._complete = end
            case "{" | "[":
                self._depth += 1
                if self._depth == 1 and char == "{":
                    self._complete = end
            case "}" | "]":
                self._depth -= 1
                self._closed = self._depth <= 0
                if self._depth <= 1:
                    self._complete = end
            case ":" if self._depth == 1:
                self._in_value = True
            case "," if self._depth == 1:
                self._in_value = False
                self._complete = end - 1
            case _:
                pass
