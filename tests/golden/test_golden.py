"""Each transcript here is played against the installed command, then its session is loaded by a new process.

Change one with `python -m tests.golden.play AREA` and read the difference before you keep it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.play import FOLDER, Frame, Names, Player, as_text, brief, lay_out, read_transcript, start

AREAS = sorted(path.stem for path in FOLDER.glob("*.txt"))

MOMENTARY = {"available_commands_update", "config_option_update"}
"""Kinds of update that say what is the case now; a load says it in its own words."""


@pytest.mark.parametrize("area", AREAS)
async def test_the_agent_says_what_the_transcript_says_and_a_new_process_shows_the_same(
    area: str, tmp_path: Path
) -> None:
    transcript = read_transcript(area)
    cwd = lay_out(transcript, tmp_path)
    names = Names(cwd)
    async with start(transcript, cwd, tmp_path / "home") as player:
        for number, (who, text) in enumerate(transcript.lines, start=1):
            if who in ("c", "c!"):
                await player.send(json.loads(names.show(text)), polite=who == "c")
                continue
            heard = await player.hear()
            said = as_text(heard, names)
            if who == "a":
                assert (number, json.loads(said)) == (number, json.loads(text))
            else:
                assert (number, brief(heard, area)) == (number, text)
    others = {
        frame["params"]["sessionId"]
        for frame in player.heard
        if frame.get("method") == "session/update" and frame["params"]["sessionId"].startswith("sess_")
    }
    for session_id in prompted(transcript.lines, names) & others:
        async with start(transcript, cwd, tmp_path / "home") as later:
            assert await load(later, session_id, cwd, transcript.lines)
            live = player.updates(besides=others - {session_id})
            assert without_user(drawn(later.updates())) == without_user(drawn(live))


def prompted(lines: list[tuple[str, str]], names: Names) -> set[str]:
    """The sessions that were spoken in."""
    frames = [json.loads(names.show(text)) for who, text in lines if who == "c"]
    return {frame["params"]["sessionId"] for frame in frames if frame.get("method") == "session/prompt"}


async def load(player: Player, session_id: str, cwd: Path, lines: list[tuple[str, str]]) -> bool:
    """Load the session as the client of the transcript would; whether that worked."""
    first = json.loads(next(text for who, text in lines if who == "c"))
    await player.send(first)
    await player.answer_to(first["id"])
    params = {"sessionId": session_id, "cwd": str(cwd), "mcpServers": []}
    await player.send({"jsonrpc": "2.0", "id": "load", "method": "session/load", "params": params})
    return "result" in await player.answer_to("load")


def drawn(updates: list[Frame]) -> list[Frame]:
    """What a client shows after these updates: messages whole, calls as they stand, the rest as it came."""
    shown: dict[Any, Frame] = {}
    for update in updates:
        kind = update["sessionUpdate"]
        if kind in MOMENTARY:
            continue
        stream = update.get("messageId") or update.get("compactionId")
        if stream and update.get("content", {}).get("type") == "text":
            entry = shown.setdefault((kind, stream), {"kind": kind, "id": stream, "text": ""})
            entry["text"] += update["content"]["text"]
        elif kind in ("tool_call", "tool_call_update"):
            shown.setdefault(update["toolCallId"], {}).update(update, sessionUpdate="tool_call")
        else:
            shown[len(shown), kind] = update
    return list(shown.values())


def without_user(entries: list[Frame]) -> list[Frame]:
    """The entries but for what the user said, which only a load repeats."""
    return [
        entry
        for entry in entries
        if "user_message_chunk" not in (entry.get("kind"), entry.get("sessionUpdate"))
    ]
