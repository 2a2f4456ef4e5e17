"""What a chat shows: a screen that scrolls Markdown and cards, and one of plain text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.chat_markdown import markdown
from acp_agent.cli.chat_text import (
    diff_lines,
    end_of,
    option_lines,
    plan_lines,
    result_lines,
    split_blocks,
    text_of,
    title_of,
)
from acp_agent.cli.conversation import TextPrinter
from acp_agent.cli.harmless import harmless

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.segment import Segment

FRAME_TIME = 0.08
"""Seconds between two drawings of the part that moves."""

_WORKING = ("working", "Ctrl-C cancels")
_CANCELLING = ("cancelling", "Ctrl-C again leaves")

_MARKS = {"completed": ("✔", "green"), "failed": ("✘", "red")}


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

    def cancelling(self) -> None:
        """Tell that the turn is asked to end."""
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

    def cancelling(self) -> None:
        """Tell that the turn is asked to end."""
        self._printer.note("  cancelling; Ctrl-C again leaves")

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
        self._above: Literal["words", "card", ""] = ""  # what stands above the next line; "" if it may follow
        self._calls: dict[str, JsonObject] = {}
        self._open: dict[str, JsonObject] = {}  # calls that have not ended
        self._asked: set[str] = set()  # calls whose changes were shown with a question
        self._plan: list[JsonValue] = []
        self._work = _WORKING

    def update(self, update: JsonObject) -> None:
        """Draw one `session/update`."""
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": content}:
                self._say("agent", text_of(content))
            case {"sessionUpdate": "agent_thought_chunk", "content": content}:
                self._say("thought", text_of(content))
            case {"sessionUpdate": "user_message_chunk", "content": content}:
                self._say("user", text_of(content))
            case {"sessionUpdate": "tool_call" | "tool_call_update", "toolCallId": str(call_id)}:
                self._change(call_id, update)
            case {"sessionUpdate": "plan", "entries": list(entries)}:
                self._plan = entries
            case {"sessionUpdate": "notice"}:
                self.note(f"! {update.get('title')} {update.get('description') or ''}")
            case _:
                return
        if time.monotonic() - self._drawn > FRAME_TIME:
            self.tick()

    def question(self, call: JsonObject, options: Sequence[JsonObject]) -> None:
        """Draw a permission request, its options numbered from 1."""
        self.pause()
        call_id = str(call.get("toolCallId"))
        call = {**self._calls.get(call_id, {}), **call}
        self._console.print()
        self._line("  ? ", title_of(call), "bold yellow")
        self._print_diff(call)
        self._asked.add(call_id)
        self._console.print()
        for line in option_lines(options):
            self._console.print(line, markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Draw a line of our own."""
        self._flush()
        indent = len(text) - len(text.lstrip(" "))
        self._line(" " * indent, harmless(text.strip(" ")), "dim")

    def tick(self) -> None:
        """Draw the part that moves."""
        from rich.live import Live  # lazy: only a chat draws

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._drawn = time.monotonic()
        self._live.update(self._moving(), refresh=True)

    def cancelling(self) -> None:
        """Tell that the turn is asked to end."""
        self._work = _CANCELLING
        self.tick()

    def pause(self) -> None:
        """Draw everything that was held back, and stop moving."""
        self._flush()
        if self._live is not None:
            from rich.text import Text  # lazy: only a chat draws

            self._live.update(Text(""))
            self._live.stop()
            self._live = None
        if self._plan:
            self._set_apart("card")
            for mark, text in plan_lines(self._plan):
                self._line(f"  {mark} ", text, "dim")
            self._plan = []
        self._above, self._work = "", _WORKING

    def _say(self, role: str, text: str) -> None:
        if role != self._role:
            self._flush()
            self._role = role
        self._words += harmless(text)
        *complete, self._words = split_blocks(self._words)
        for block in complete:
            self._print_words(block)

    def _flush(self) -> None:
        words, self._words = self._words, ""
        self._print_words(words)

    def _print_words(self, words: str) -> None:
        if not words.strip():
            return
        from rich.segment import SegmentLines  # lazy: only a chat draws

        lines = self._console.render_lines(self._drawn_as(self._role, words.strip("\n")), pad=False)
        while lines and _is_empty(lines[0]):
            del lines[0]
        while lines and _is_empty(lines[-1]):
            del lines[-1]
        self._set_apart("words")
        self._console.print(SegmentLines(lines, new_lines=True), end="")

    def _drawn_as(self, role: str, words: str) -> RenderableType:
        from rich.text import Text  # lazy: only a chat draws

        if role == "thought":
            return Text(words, style="dim italic")
        if role == "user":
            return Text(f"> {words}", style="bold")
        return markdown(words)

    def _moving(self) -> RenderableType:
        from rich.console import Group  # lazy: only a chat draws
        from rich.text import Text

        def line(text: str) -> Text:
            return Text(text, style="dim", no_wrap=True, overflow="ellipsis")

        parts: list[RenderableType] = []
        if self._words.strip():
            room = max(self._console.height - 8 - len(self._open) - len(self._plan), 4)
            parts += [Text(""), self._drawn_as(self._role, end_of(self._words, room))]
        parts += [line(f"  ● {title_of(call)}") for call in self._open.values()]
        parts += [line(f"  {mark} {text}") for mark, text in plan_lines(self._plan)]
        dots = "." * (1 + int(time.monotonic() * 2) % 3)
        work, key = self._work
        parts.append(line(f"  {work}{dots:<3} {key}"))
        return Group(*parts)

    def _change(self, call_id: str, update: JsonObject) -> None:
        call = self._calls.setdefault(call_id, {})
        ended_before = call.get("status") in _MARKS
        call.update(
            {key: value for key, value in update.items() if key != "sessionUpdate" and value is not None}
        )
        status = call.get("status")
        if status not in _MARKS:
            self._open[call_id] = call
        elif not ended_before:
            self._open.pop(call_id, None)
            self._flush()
            mark, color = _MARKS[str(status)]
            self._set_apart("card")
            self._line(f"  {mark} ", title_of(call), color)
            if call_id not in self._asked:
                self._print_diff(call)
            if status == "failed" or call.get("kind") == "execute":
                for text in result_lines(call):
                    self._line("    ", text, "dim")

    def _print_diff(self, call: JsonObject) -> None:
        colors = {"+": "green", "-": "red", "@": "cyan"}
        for sign, text in diff_lines(call):
            self._line("    ", text, colors.get(sign, "dim"))

    def _set_apart(self, what: Literal["words", "card"]) -> None:
        """Leave an empty line between what follows and what stands above, but for cards of one stack."""
        if self._live is not None:
            self._live.update(self._moving())  # what is printed now does not move any more
        if self._above and (self._above, what) != ("card", "card"):
            self._console.print()
        self._above = what

    def _line(self, lead: str, text: str, style: str) -> None:
        """Print a line; if it is too long, it goes on below its text and not below its lead."""
        from rich.table import Table  # lazy: only a chat draws
        from rich.text import Text

        grid = Table.grid()
        if lead:  # an empty column would be one wide
            grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(*(Text(part, style=style) for part in (lead, text) if part))
        self._console.print(grid)


def _is_empty(line: Sequence[Segment]) -> bool:
    """Whether nothing can be seen of it: the edge of a code block has a background."""
    return all(not text.strip() and (style is None or style.bgcolor is None) for text, style, _ in line)


if TYPE_CHECKING:
    _: tuple[type[Screen], ...] = (PlainScreen, RichScreen)
