"""A conversation with an agent as a person reads it: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from typing import TextIO

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.cli.harmless import harmless
from acp_agent.cli.style import Look, Style

_MARKS = {"pending": "○", "in_progress": "●", "completed": "✔", "failed": "✘"}
_LOOKS: dict[str, Look] = {"in_progress": "dim", "completed": "green", "failed": "red"}


class TextPrinter:
    """Prints updates as they come. `answer` takes the agent's words, `aside` thoughts, tools and notices."""

    def __init__(self, answer: TextIO, aside: TextIO, style: Style) -> None:
        self._answer = answer
        self._aside = aside
        self._style = style
        self._open: TextIO | None = None  # the stream whose last line has no end yet
        self._titles: dict[str, str] = {}

    def update(self, update: JsonObject) -> None:
        """Print one `session/update`."""
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                self._stream(self._answer, _text_of(update.get("content")))
            case "agent_thought_chunk":
                self._stream(self._aside, _text_of(update.get("content")), "dim")
            case "tool_call" | "tool_call_update":
                self._tool(update)
            case "plan":
                self._plan(update.get("entries"))
            case "notice":
                notice = harmless(f"! {update.get('title')} {update.get('description') or ''}")
                self.note(self._style.paint(notice, "yellow"))
            case _:
                pass

    def note(self, text: str) -> None:
        """Print a line of our own beside the answer."""
        self.end()
        self._aside.write(f"{text}\n")
        self._aside.flush()

    def end(self) -> None:
        """End the last line."""
        if self._open is not None:
            self._open.write("\n")
            self._open.flush()
            self._open = None

    def _stream(self, stream: TextIO, text: str, look: Look | None = None) -> None:
        if not text:
            return
        if self._open is not stream:
            self.end()
        stream.write(self._style.paint(text, look) if look else text)
        stream.flush()
        self._open = None if text.endswith("\n") else stream

    def _tool(self, update: JsonObject) -> None:
        call_id = str(update.get("toolCallId"))
        title = update.get("title")
        if isinstance(title, str):
            self._titles[call_id] = " ".join(harmless(title).split())
        status = update.get("status")
        if status in ("in_progress", "completed", "failed"):
            mark = self._style.paint(_MARKS[status], _LOOKS[status])
            self.note(f"  {mark} {self._titles.get(call_id, call_id)}")

    def _plan(self, entries: JsonValue) -> None:
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                mark = _MARKS.get(str(entry.get("status")), "○")
                self.note(self._style.paint(f"  {mark} {harmless(str(entry.get('content')))}", "dim"))


class JsonPrinter:
    """Prints every update as one line of JSON."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def update(self, update: JsonObject) -> None:
        """Print one `session/update`."""
        self._line({"type": "update", "update": update})

    def stop(self, stop_reason: str) -> None:
        """Print how the turn ended."""
        self._line({"type": "stop", "stopReason": stop_reason})

    def _line(self, value: JsonObject) -> None:
        self._output.write(dump_text(value) + "\n")
        self._output.flush()


def standard_printer(style: Style) -> TextPrinter:
    """A printer for this process's own streams."""
    return TextPrinter(sys.stdout, sys.stderr, style)


def _text_of(content: JsonValue) -> str:
    text = content.get("text") if isinstance(content, dict) else None
    return harmless(text) if isinstance(text, str) else ""
