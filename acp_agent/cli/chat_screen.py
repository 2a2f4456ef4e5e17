"""What a chat shows: a screen that scrolls Markdown and cards, and one of plain text."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.conversation import TextPrinter
from acp_agent.cli.harmless import harmless

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

MAX_CARD_LINES = 24
"""Lines of a tool call's result or diff that are shown."""

FRAME_TIME = 0.08
"""Seconds between two drawings of the part that moves."""

_MARKS = {"completed": ("✔", "green"), "failed": ("✘", "red")}
_PLAN_MARKS = {"completed": "✔", "in_progress": "●"}


class Screen(Protocol):
    """Draws updates as they come; `pause` leaves the terminal to the keyboard."""

    def update(self, update: JsonObject) -> None:
        """Draw one `session/update`."""
        ...

    def question(self, call: JsonObject, options: Sequence[JsonObject]) -> None:
        """Draw a permission request, its options numbered from 1."""
        ...

    def note(self, text: str) -> None:
        """Draw a line of our own."""
        ...

    def tick(self) -> None:
        """Draw the passing of time."""
        ...

    def pause(self) -> None:
        """Draw everything that was held back, and stop moving."""
        ...


class PlainScreen:
    """Text without movement."""

    def __init__(self, printer: TextPrinter) -> None:
        self._printer = printer

    def update(self, update: JsonObject) -> None:
        """Draw one `session/update`."""
        self._printer.update(update)

    def question(self, call: JsonObject, options: Sequence[JsonObject]) -> None:
        """Draw a permission request, its options numbered from 1."""
        self._printer.note(f"\n  permission needed: {title_of(call)}")
        for _, line in diff_lines(call):
            self._printer.note(f"    {line}")
        for line in option_lines(options):
            self._printer.note(line)

    def note(self, text: str) -> None:
        """Draw a line of our own."""
        self._printer.note(harmless(text))

    def tick(self) -> None:
        """Nothing moves."""

    def pause(self) -> None:
        """End the last line."""
        self._printer.end()


class RichScreen:
    """Markdown, cards and colors; the last lines move while the agent works."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._drawn = 0.0
        self._role = ""
        self._words = ""  # of the message that is being said, from its last complete block on
        self._calls: dict[str, JsonObject] = {}
        self._open: dict[str, JsonObject] = {}  # calls that have not ended
        self._plan: list[JsonValue] = []

    def update(self, update: JsonObject) -> None:
        """Draw one `session/update`."""
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": content}:
                self._say("agent", _text_of(content))
            case {"sessionUpdate": "agent_thought_chunk", "content": content}:
                self._say("thought", _text_of(content))
            case {"sessionUpdate": "user_message_chunk", "content": content}:
                self._say("user", _text_of(content))
            case {"sessionUpdate": "tool_call" | "tool_call_update", "toolCallId": str(call_id)}:
                self._change(call_id, update)
            case {"sessionUpdate": "plan", "entries": list(entries)}:
                self._plan = entries
            case {"sessionUpdate": "notice"}:
                self.note(f"! {update.get('title')} {update.get('description', '')}")
            case _:
                pass
        if time.monotonic() - self._drawn > FRAME_TIME:
            self.tick()

    def question(self, call: JsonObject, options: Sequence[JsonObject]) -> None:
        """Draw a permission request, its options numbered from 1."""
        self.pause()
        known = self._calls.get(str(call.get("toolCallId")), {})
        call = {**known, **call}
        self._console.print(f"\n  ? {title_of(call)}", style="bold yellow", markup=False, highlight=False)
        self._print_diff(call)
        for line in option_lines(options):
            self._console.print(line, markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Draw a line of our own."""
        self._flush()
        self._console.print(harmless(text), style="dim", markup=False, highlight=False)

    def tick(self) -> None:
        """Draw the part that moves."""
        from rich.live import Live  # lazy: only a chat draws

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._drawn = time.monotonic()
        self._live.update(self._moving(), refresh=True)

    def pause(self) -> None:
        """Draw everything that was held back, and stop moving."""
        self._flush()
        if self._live is not None:
            from rich.text import Text  # lazy: only a chat draws

            self._live.update(Text(""))
            self._live.stop()
            self._live = None
        if self._plan:
            for line in plan_lines(self._plan):
                self._console.print(line, style="dim", markup=False, highlight=False)
            self._plan = []

    def _say(self, role: str, text: str) -> None:
        if role != self._role:
            self._flush()
            self._role = role
        self._words += harmless(text)
        ready, self._words = split_blocks(self._words)
        self._print_words(ready)

    def _flush(self) -> None:
        words, self._words = self._words, ""
        self._print_words(words)

    def _print_words(self, words: str) -> None:
        if words.strip():
            self._console.print(self._drawn_as(self._role, words.strip("\n")))

    def _drawn_as(self, role: str, words: str) -> RenderableType:
        from rich.markdown import Markdown  # lazy: only a chat draws
        from rich.text import Text

        if role == "thought":
            return Text(words, style="dim italic")
        if role == "user":
            return Text(f"> {words}", style="bold")
        return Markdown(words, hyperlinks=False)  # a link is shown with where it leads

    def _moving(self) -> RenderableType:
        from rich.console import Group  # lazy: only a chat draws
        from rich.text import Text

        parts: list[RenderableType] = []
        if self._words.strip():
            room = max(self._console.height - 8 - len(self._open) - len(self._plan), 4)
            parts.append(self._drawn_as(self._role, end_of(self._words, room)))
        parts += [Text(f"  ● {title_of(call)}", style="dim", no_wrap=True) for call in self._open.values()]
        parts += [Text(line, style="dim", no_wrap=True) for line in plan_lines(self._plan)]
        dots = "." * (1 + int(time.monotonic() * 2) % 3)
        parts.append(Text(f"  working{dots:<3} Ctrl-C cancels", style="dim"))
        return Group(*parts)

    def _change(self, call_id: str, update: JsonObject) -> None:
        call = self._calls.setdefault(call_id, {})
        ended_before = call.get("status") in _MARKS
        call.update({key: value for key, value in update.items() if key != "sessionUpdate"})
        status = call.get("status")
        if status not in _MARKS:
            self._open[call_id] = call
        elif not ended_before:
            self._open.pop(call_id, None)
            self._flush()
            mark, color = _MARKS[str(status)]
            self._console.print(f"  {mark} {title_of(call)}", style=color, markup=False, highlight=False)
            self._print_diff(call)
            if status == "failed":
                for line in text_lines(call):
                    self._console.print(f"    {line}", style="dim", markup=False, highlight=False)

    def _print_diff(self, call: JsonObject) -> None:
        colors = {"+": "green", "-": "red", "@": "cyan"}
        for sign, line in diff_lines(call):
            self._console.print(f"    {line}", style=colors.get(sign, "dim"), markup=False, highlight=False)


def split_blocks(text: str) -> tuple[str, str]:
    """The Markdown up to its last blank line outside a code block, and what is behind it."""
    end = position = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        position += len(line)
        bare = line.strip()
        if bare.startswith(("```", "~~~")):
            fence = "" if fence and bare.startswith(fence) else fence or bare[:3]
        if not fence and not bare and line.endswith("\n"):
            end = position
    return text[:end], text[end:]


def end_of(text: str, n_lines: int) -> str:
    """The last lines of Markdown, within a code block if they began in one."""
    lines = text.split("\n")
    if len(lines) <= n_lines:
        return text
    before = sum(line.strip().startswith("```") for line in lines[:-n_lines])
    return "\n".join([*(["```"] if before % 2 else []), *lines[-n_lines:]])


def title_of(call: JsonObject) -> str:
    """What a call is called, on one line."""
    title = harmless(str(call.get("title") or call.get("toolCallId") or "a tool call"))
    return " ".join(title.split())


def option_lines(options: Sequence[JsonObject]) -> list[str]:
    """The options as a person chooses from them."""
    return [f"    {number}  {harmless(str(one.get('name')))}" for number, one in enumerate(options, 1)]


def plan_lines(entries: Sequence[JsonValue]) -> list[str]:
    """A plan, one line for each entry."""
    return [
        f"  {_PLAN_MARKS.get(str(entry.get('status')), '○')} {harmless(str(entry.get('content')))}"
        for entry in entries
        if isinstance(entry, dict)
    ]


def diff_lines(call: JsonObject) -> list[tuple[str, str]]:
    """The call's changes as lines of unified diffs, each with its sign; the end of long ones is left out."""
    lines = [*_all_diff_lines(call)]
    if len(lines) > MAX_CARD_LINES:
        rest = len(lines) - MAX_CARD_LINES
        lines = [*lines[:MAX_CARD_LINES], (" ", f"… {rest} more lines")]
    return lines


def text_lines(call: JsonObject) -> list[str]:
    """The text of a call's result, shortened."""
    lines: list[str] = []
    for part in _parts(call):
        if part.get("type") == "content":
            lines += harmless(_text_of(part.get("content"))).splitlines()
    rest = len(lines) - MAX_CARD_LINES
    return lines if rest <= 0 else [*lines[:MAX_CARD_LINES], f"… {rest} more lines"]


def _all_diff_lines(call: JsonObject) -> Iterator[tuple[str, str]]:
    for part in _parts(call):
        if part.get("type") != "diff":
            continue
        old, new = str(part.get("oldText") or ""), str(part.get("newText") or "")
        yield "@", harmless(str(part.get("path")))
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm=""):
            if not line.startswith(("---", "+++")):
                yield line[:1], harmless(line)


def _parts(call: JsonObject) -> list[JsonObject]:
    content = call.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _text_of(content: JsonValue) -> str:
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) else ""


if TYPE_CHECKING:
    _: tuple[type[Screen], ...] = (PlainScreen, RichScreen)
