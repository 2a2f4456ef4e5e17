"""A stored session as a person reads it: who said what, which tools ran, how each prompt ended."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TextIO

import msgspec
from msgspec import UNSET

from acp_agent.cli.style import Style
from acp_agent.engine.runs import runs
from acp_agent.model import events
from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Text
from acp_agent.model.limits import LimitHit
from acp_agent.model.toolcall import ToolStatus

_MARKS: dict[ToolStatus, str] = {"pending": "○", "in_progress": "●", "completed": "✔", "failed": "✘"}


class Words:
    """Text for one stream, painted where that can be seen."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def bold(self, text: str) -> str:
        """What stands out."""
        return self._style.paint(text, "bold")

    def dim(self, text: str) -> str:
        """What stands back."""
        return self._style.paint(text, "dim")


def harmless(text: str) -> str:
    """`text` with everything a terminal could act on written as an escape; lines stay lines."""
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)


def in_one_line(text: str) -> str:
    """`text` harmless and without line ends."""
    return harmless(" ".join(text.split()))


async def print_conversation(journal: AsyncIterable[events.Event], words: Words, output: TextIO) -> None:
    """Write the conversation as it comes out of the store."""
    page = _Page(words, output)
    async for event in journal:
        page.show(event)
    page.end()


async def print_runs(
    journal: AsyncIterable[events.Event], words: Words, output: TextIO, *, as_json: bool
) -> None:
    """Write one line for each prompt, or all of them as JSON."""
    found = await runs(journal)
    if as_json:
        output.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    for run in found:
        began = words.dim(f"{run.created_at:%Y-%m-%d %H:%M}")
        prompt = in_one_line(run.prompt)
        output.write(f"{in_one_line(run.id)}  {began}  {run.status:<11}  {run.n_events:>6}  {prompt}\n")
        if run.error:
            output.write(f"    {in_one_line(run.error)}\n")


class _Page:
    def __init__(self, words: Words, output: TextIO) -> None:
        self._words = words
        self._output = output
        self._speaker = ""  # whose text is being written, and it did not end with a line end
        self._titles: dict[str, str] = {}

    def show(self, event: events.Event) -> None:
        """Write what a reader wants to know of the event."""
        match event:
            case events.UserSaid(_, content) | events.CommandGiven(_, content):
                self._line("")
                self._line(self._words.bold("> " + harmless(_spoken(content)).replace("\n", "\n> ")))
                self._line("")
            case events.TextChunk(_, text) | events.CommandAnswered(_, text):
                self._text("answer", harmless(text))
            case events.ThoughtChunk(_, text):
                self._text("thought", self._words.dim(harmless(text)))
            case events.CallShown(call_id, patch):
                if patch.title is not UNSET:
                    self._titles[call_id] = in_one_line(patch.title)
                if patch.status is not UNSET and patch.status in ("completed", "failed"):
                    self._line(f"  {_MARKS[patch.status]} {self._titles.get(call_id, call_id)}")
            case events.Noticed(_, title, detail):
                self._line(f"! {in_one_line(f'{title} {detail}')}")
            case LimitHit(message=message):
                self._line(f"! {in_one_line(f'{event.title}: {message}')}")
            case events.Rewound() | events.HistoryCleared():
                self._line(self._words.dim("— the model knows nothing any more of what was taken back —"))
            case events.TurnEnded(_, stop_reason, _, fault) if stop_reason != "end_turn":
                self._line(f"! {stop_reason}{f': {in_one_line(fault.message)}' if fault else ''}")
            case events.TurnEnded():
                self.end()
            case _:
                pass

    def end(self) -> None:
        """End the last line."""
        if self._speaker:
            self._output.write("\n")
            self._speaker = ""

    def _text(self, speaker: str, text: str) -> None:
        if self._speaker != speaker:
            self.end()
        self._output.write(text)
        self._speaker = speaker

    def _line(self, text: str) -> None:
        self.end()
        self._output.write(f"{text}\n")


def _spoken(content: tuple[Content, ...]) -> str:
    return "\n".join(_part(part) for part in content)


def _part(part: Content) -> str:
    match part:
        case Text(text):
            return text
        case Image():
            return "[image]"
        case Audio():
            return "[sound]"
        case Resource(uri) | ResourceLink(uri):
            return f"[{uri}]"
