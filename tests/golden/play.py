"""Plays a golden transcript against the installed command.

A transcript is a text file. Lines that begin with `c ` are frames the client sends (`c! ` if none should),
lines with `a ` are frames the agent is expected to send, in this order and with this content; `~ ` stands for
a frame of the agent that is another area's matter. `file NAME JSON-STRING` puts a file into the workspace
first; `#` begins a comment. The model is the script of the same name. What differs from run to run stands as
a placeholder: `<cwd>`, `<session 1>`, `<message 2>`, `<time>`, `<version>` and the like.

    python -m tests.golden.play [AREA …]     record: keep the client's lines, write the agent's anew
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.testing.frames import FrameValidator

FOLDER = Path(__file__).parent
COMMAND = shutil.which("acp-agent", path=str(Path(sys.executable).parent)) or "acp-agent"
PATIENCE = 40.0
"""Seconds to wait for one frame: the agent may be starting on a busy machine."""

OPENS = ("session/new", "session/load", "session/resume", "session/fork")
"""Methods that are followed by the offer of commands a moment after their answer."""

Frame = dict[str, Any]

_ID = re.compile(r"(?<![0-9A-Za-z])(sess|msg|cmp|sub|note|incident)_[0-9a-f]{16,}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_ESTIMATE = re.compile(r"about [\d,]+ tokens")
_NAMES = {"sess": "session", "msg": "message", "cmp": "compaction", "sub": "subagent"}


class Transcript(NamedTuple):
    """A golden file, read."""

    area: str
    comments: list[str]
    files: dict[str, str]
    lines: list[tuple[str, str]]  # how the line begins, and the frame's text

    @property
    def script(self) -> Path:
        """What the model plays."""
        return FOLDER / f"{self.area}.script"


def read_transcript(area: str) -> Transcript:
    """The transcript of an area."""
    found = Transcript(area, [], {}, [])
    for line in (FOLDER / f"{area}.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        match kind:
            case "a" | "c" | "c!" | "~":
                found.lines.append((kind, rest))
            case "file":
                name, _, text = rest.partition(" ")
                found.files[name] = json.loads(text)
            case _:
                found.comments.append(line)
    return found


class Names:
    """Placeholders for what differs from run to run, and the way back."""

    def __init__(self, cwd: Path) -> None:
        self._placeholders: dict[str, str] = {str(cwd): "<cwd>", sys.executable: "<python>"}
        self._counts: dict[str, int] = {}

    def hide(self, text: str) -> str:
        """The text with placeholders."""
        for value, placeholder in tuple(self._placeholders.items())[:2]:
            text = text.replace(value, placeholder)
        text = _TIME.sub("<time>", _ID.sub(self._placeholder, text))
        return _ESTIMATE.sub("about <some> tokens", text)

    def show(self, text: str) -> str:
        """The text with what this run has in place of the placeholders."""
        for value, placeholder in self._placeholders.items():
            text = text.replace(placeholder, value)
        return text

    def _placeholder(self, found: re.Match[str]) -> str:
        value = found[0]
        if value not in self._placeholders:
            kind = _NAMES.get(found[1], found[1])
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._placeholders[value] = f"<{kind} {self._counts[kind]}>"
        return self._placeholders[value]


class Player:
    """One agent process, spoken to frame by frame; `heard` are its frames in order."""

    def __init__(self, process: Process, area: str) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        self._input = process.stdin
        self._output = BufferedByteReceiveStream(process.stdout)
        self._judge = FrameValidator(unstable=True)
        self._area = area
        self.heard: list[Frame] = []

    async def send(self, frame: Frame, *, polite: bool = True) -> None:
        """Send one frame; a polite one must be as the schema says."""
        line = json.dumps(frame).encode() + b"\n"
        assert (self._judge.feed("client", line) == []) is polite
        await self._input.send(line)

    async def hear(self) -> Frame:
        """The agent's next frame that is no mere progress, judged by the schema."""
        while True:
            with anyio.fail_after(PATIENCE):
                line = await self._output.receive_until(b"\n", 2**26)
            assert self._judge.feed("agent", line) == []
            frame: Frame = json.loads(line)
            self.heard.append(frame)
            if not is_progress(frame) and not (is_offer(frame) and self._area != "commands"):
                return frame

    async def answer_to(self, request_id: object) -> Frame:
        """Hear until this request is answered."""
        while True:
            frame = await self.hear()
            if "method" not in frame and frame.get("id") == request_id:
                return frame

    async def close(self) -> None:
        """Close the agent's input."""
        await self._input.aclose()

    def updates(self, *, besides: Collection[str] = ()) -> list[Frame]:
        """The updates heard so far of all sessions but these."""
        return [
            frame["params"]["update"]
            for frame in self.heard
            if frame.get("method") == "session/update" and frame["params"]["sessionId"] not in besides
        ]


@asynccontextmanager
async def start(transcript: Transcript, cwd: Path, home: Path) -> AsyncGenerator[Player]:
    """The agent, with the transcript's model; it must end by itself, with success."""
    env = {"PATH": os.environ["PATH"], "ACP_AGENT_HOME": str(home), "LANG": "C.UTF-8"}
    process = await anyio.open_process(
        [COMMAND, "serve", "--script", str(transcript.script)], env=env, cwd=cwd, stderr=subprocess.DEVNULL
    )
    player = Player(process, transcript.area)
    try:
        yield player
        await player.close()
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


def lay_out(transcript: Transcript, folder: Path) -> Path:
    """The workspace of the transcript, inside `folder`."""
    cwd = folder.resolve() / "project"
    cwd.mkdir()
    for name, text in transcript.files.items():
        path = cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return cwd


def as_text(frame: Frame, names: Names) -> str:
    """A frame of the agent as it stands in a transcript."""
    result = frame.get("result")
    if isinstance(result, dict) and "agentInfo" in result:
        result["agentInfo"]["version"] = "<version>"
    return names.hide(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))


def is_progress(frame: Frame) -> bool:
    """Whether it tells how far a call is; how often that is told depends on the time it takes."""
    update = frame.get("params", {}).get("update", {})
    return update.get("sessionUpdate") == "tool_call_update" and not {"status", "name"} & set(update)


def is_offer(frame: Frame) -> bool:
    """Whether it offers commands, which comes when it comes."""
    return frame.get("params", {}).get("update", {}).get("sessionUpdate") == "available_commands_update"


def brief(frame: Frame, area: str) -> str:
    """What names a frame that is not this area's matter, or nothing."""
    result, update = frame.get("result"), frame.get("params", {}).get("update", {})
    if area != "handshake" and isinstance(result, dict) and "agentInfo" in result:
        return "initialize"
    if area != "options" and isinstance(result, dict) and "configOptions" in result and "modes" in result:
        return "session"
    if area == "compaction" and update.get("sessionUpdate") == "usage_update":
        return "usage"  # an estimate, in which the length of the directory's name counts
    return ""


async def record(transcript: Transcript, folder: Path) -> list[str]:
    """The lines of the transcript with what the agent says now."""
    cwd = lay_out(transcript, folder)
    names = Names(cwd)
    written: list[str] = []
    open_ids: set[object] = set()  # requests of the client without an answer
    awaited = 0  # offers of commands still to come
    client = [(who, text) for who, text in transcript.lines if who in ("c", "c!")]
    async with start(transcript, cwd, folder / "home") as player:
        for index, (who, line) in enumerate(client):
            frame = json.loads(names.show(line))
            written.append(f"{who} {line}")
            await player.send(frame, polite=who == "c")
            if "id" in frame and "method" in frame:
                open_ids.add(frame["id"])
                awaited += transcript.area == "commands" and frame["method"] in OPENS
            following = json.loads(client[index + 1][1]) if index + 1 < len(client) else {}
            while open_ids or awaited:
                if (
                    following.get("method") in ("session/cancel", "$/cancel_request")
                    and written[-1][0] != "c"
                ):
                    last = player.heard[-1].get("params", {}).get("update", {}).get("sessionUpdate", "")
                    if last.endswith("_chunk"):
                        break  # the client cancels as soon as the agent has begun to speak
                heard = await player.hear()
                text, summary = as_text(heard, names), brief(heard, transcript.area)
                written.append(f"~ {summary}" if summary else f"a {text}")
                if "method" not in heard:
                    open_ids.discard(heard.get("id"))
                    if "error" in heard:
                        awaited = 0
                elif heard.get("params", {}).get("update", {}).get("sessionUpdate") == (
                    "available_commands_update"
                ):
                    awaited = 0
                elif "id" in heard and "method" not in following:
                    break  # the client's next line is its answer
    return written


async def main(areas: list[str]) -> None:
    """Record these areas anew."""
    for area in areas or sorted(path.stem for path in FOLDER.glob("*.txt")):
        transcript = read_transcript(area)
        with tempfile.TemporaryDirectory() as folder:
            lines = await record(transcript, Path(folder))
        head = [*transcript.comments]
        head += [f"file {name} {json.dumps(text)}" for name, text in transcript.files.items()]
        (FOLDER / f"{area}.txt").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
        sys.stdout.write(f"{area}: {len(lines)} lines\n")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:])
