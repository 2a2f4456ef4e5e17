"""The agent a client under test starts: it plays a part and writes down what passes in both directions.

    python played_agent.py LOG PART

A program of its own, with the standard library only. Each line of the log begins with `>` (from the
client), `<` (to it) or `#` (a note). The parts are `everything`, `surprises`, `uninvited`, `version`, `error`
and `end`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

SESSION = "conformance-session"
TEXT = "first\nsecond\nthird\n"
PATIENCE = 5.0
FORM = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
BURST = 2000
LARGE = 1024 * 1024

Frame = dict[str, Any]


class Player:
    """One conversation. `offered` are the client's capabilities, `cwd` its folder."""

    def __init__(self, log: str, part: str) -> None:
        self.part = part
        self.cwd = Path()
        self.offered: Frame = {}
        self.n_asked = 0
        self.played = False
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def serve_all(self) -> None:
        """Answer until stdin ends."""
        while line := self._lines.get():
            self.serve(line)
        self.note({"end": "stdin"})

    def serve(self, line: bytes) -> None:
        """Answer one line."""
        frame = parsed(line)
        if "id" not in frame or "method" not in frame:
            return
        id, params = frame["id"], member(frame, "params")
        match frame["method"]:
            case "initialize":
                self.offered = member(params, "clientCapabilities")
                self.send({"id": id, "result": self._greeting()})
            case "session/new":
                self.cwd = Path(str(params.get("cwd") or "."))
                self.send({"id": id, "result": {"sessionId": SESSION}})
                commands = [{"name": "help", "description": "Shows help"}]
                self.update("available_commands_update", availableCommands=commands)
            case "session/prompt":
                self._prompt(id)
            case _:
                self.send({"id": id, "error": {"code": -32601, "message": "no such method"}})

    def send(self, frame: Frame) -> None:
        """Write one message."""
        data = json.dumps({"jsonrpc": "2.0", **frame}).encode()
        self._write(b"< " + data)
        rest = data + b"\n"
        while rest:
            rest = rest[os.write(1, rest) :]

    def update(self, name: str, /, **fields: Any) -> None:
        """Send an update of the session."""
        params = {"sessionId": SESSION, "update": {"sessionUpdate": name, **fields}}
        self.send({"method": "session/update", "params": params})

    def say(self, text: str, **more: Any) -> None:
        """Say something."""
        self.update("agent_message_chunk", content={"type": "text", "text": text}, **more)

    def ask(self, method: str, params: Frame, id: int | str | None = None) -> Frame:
        """Send a request; the response, empty if none comes in time."""
        self.n_asked += 1
        wanted = self.n_asked if id is None else id
        self.send({"id": wanted, "method": method, "params": {"sessionId": SESSION, **params}})
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                return {}
            if not line:
                self.note({"end": "stdin"})
                os._exit(0)
            frame = parsed(line)
            if "method" not in frame and frame.get("id") == wanted:
                return frame
            self.serve(line)

    def fence(self, name: str) -> None:
        """Ask for something nobody knows, to see whether the client still answers."""
        self.ask("_conformance/fence", {}, id=f"behind-{name}")

    def note(self, note: Frame) -> None:
        """Write something down that did not cross the wire."""
        self._write(b"# " + json.dumps(note).encode())

    def _greeting(self) -> Frame:
        version = 99 if self.part == "version" else 1
        info = {"name": "conformance", "version": "1"}
        return {"protocolVersion": version, "agentCapabilities": {}, "agentInfo": info, "authMethods": []}

    def _prompt(self, id: Any) -> None:
        first, self.played = not self.played, True
        match self.part if first else "":
            case "everything":
                everything(self)
            case "surprises":
                surprises(self)
            case "uninvited":
                uninvited(self)
            case "error":
                self.send({"id": id, "error": {"code": -32603, "message": "the model failed"}})
                return
            case "end":
                self.say("going")
                os._exit(1)
            case _:
                self.say("again")
        self.send({"id": id, "result": {"stopReason": "end_turn"}})

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            raw = line.rstrip(b"\n")
            self._write(b"> " + raw)
            self._lines.put(raw or b" ")
        self._lines.put(b"")

    def _write(self, line: bytes) -> None:
        os.write(self._log, line + b"\n")


def parsed(line: bytes) -> Frame:
    """The message in a line; empty if there is none."""
    try:
        frame: Any = json.loads(line)
    except ValueError:
        return {}
    return member({"frame": frame}, "frame")


def member(frame: Frame, name: str) -> Frame:
    """The object under this name, or an empty one."""
    found: Any = frame.get(name)
    return dict(found) if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]


def everything(player: Player) -> None:
    """One of each kind of update and request, all of them plain."""
    player.update("agent_thought_chunk", content={"type": "text", "text": "let me see"})
    player.say("Hello from the conformance suite. ")
    entries = [{"content": "look around", "priority": "high", "status": "in_progress"}]
    player.update("plan", entries=entries)
    player.update("usage_update", used=1000, size=200_000)
    player.update("session_info_update", title="Conformance")
    path = str(player.cwd / "conformance-in.txt")
    player.update(
        "tool_call",
        toolCallId="call-1",
        title="Write a file",
        kind="edit",
        status="pending",
        locations=[{"path": path, "line": 1}],
        content=[{"type": "diff", "path": path, "newText": TEXT}],
    )
    options = [
        {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
        {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    ]
    call = {"toolCallId": "call-1", "title": "Write a file"}
    player.ask("session/request_permission", {"toolCall": call, "options": options}, id="permission")
    player.update("tool_call_update", toolCallId="call-1", status="in_progress")
    _files(player, path)
    if player.offered.get("terminal"):
        _terminals(player)
    if "form" in member(player.offered, "elicitation"):
        form = {"mode": "form", "message": "Which color?", "requestedSchema": FORM}
        player.ask("elicitation/create", form, id="form")
    player.update("tool_call_update", toolCallId="call-1", status="completed")
    player.say("That is all.")


def _files(player: Player, path: str) -> None:
    offered = member(player.offered, "fs")
    Path(path).write_bytes(TEXT.encode())
    if offered.get("readTextFile"):
        player.ask("fs/read_text_file", {"path": path}, id="read")
        player.ask("fs/read_text_file", {"path": path, "line": 2, "limit": 1}, id="read-lines")
        player.ask("fs/read_text_file", {"path": f"{path}.missing"}, id="read-missing")
    if offered.get("writeTextFile"):
        made = player.cwd / "conformance-out.txt"
        player.ask("fs/write_text_file", {"path": str(made), "content": TEXT}, id="write")
        player.note({"written": made.read_bytes().decode() if made.exists() else None})


def _terminals(player: Player) -> None:
    def create(name: str, program: str) -> str:
        arguments = {"command": sys.executable, "args": ["-c", program], "cwd": str(player.cwd)}
        answer = player.ask("terminal/create", arguments, id=name)
        return str(member(answer, "result").get("terminalId"))

    terminal = {"terminalId": create("terminal", "print('conformance-terminal'); raise SystemExit(7)")}
    player.ask("terminal/wait_for_exit", terminal, id="terminal-exit")
    player.ask("terminal/output", terminal, id="terminal-output")
    player.ask("terminal/release", terminal, id="terminal-release")
    player.ask("terminal/output", terminal, id="terminal-released")
    endless = {"terminalId": create("endless", "import time; time.sleep(60)")}
    player.ask("terminal/kill", endless, id="terminal-kill")
    player.ask("terminal/wait_for_exit", endless, id="terminal-killed")
    player.ask("terminal/release", endless, id="endless-release")


def surprises(player: Player) -> None:
    """Odd things the protocol allows; behind each the client has to answer still."""
    player.fence("nothing")
    player.update("conformance_unknown", data=[1, 2, 3])
    player.fence("unknown-update")
    player.send({"method": "_conformance/unknown", "params": {"a": 1}})
    player.fence("unknown-notification")
    player.say("with more ", _meta={"example.com/x": {"nested": [None, 1]}})
    player.fence("meta")
    player.update(
        "tool_call",
        toolCallId="call-null",
        title="Nulls",
        kind="other",
        status="pending",
        content=None,
        locations=None,
        rawInput=None,
    )
    player.fence("nulls")
    player.say("later version ", conformanceFuture={"a": 1})
    player.fence("unknown-members")
    for content in (
        {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"},
        {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "file:///notes.txt", "name": "notes.txt"},
        {"type": "resource", "resource": {"uri": "file:///notes.txt", "text": "notes"}},
    ):
        player.update("agent_message_chunk", content=content)
    player.fence("rich-content")
    player.update("tool_call_update", toolCallId="call-nobody", status="completed")
    player.fence("unannounced-call")
    for number in range(BURST):
        player.say(f"word{number} ")
    player.fence("burst")
    player.say("x" * LARGE)
    player.fence("large-line")
    player.say("\u2028 \u0007 \U0001f389 e\u0301 ")
    player.fence("rare-characters")


def uninvited(player: Player) -> None:
    """Requests the client did not offer to serve."""
    offered = member(player.offered, "fs")
    path = str(player.cwd / "conformance-in.txt")
    if not offered.get("readTextFile"):
        player.ask("fs/read_text_file", {"path": path}, id="read")
    if not offered.get("writeTextFile"):
        player.ask("fs/write_text_file", {"path": f"{path}.uninvited", "content": "x"}, id="write")
    if not player.offered.get("terminal"):
        player.ask("terminal/create", {"command": "true"}, id="terminal")
    if not player.offered.get("elicitation"):
        form = {"mode": "form", "message": "Which color?", "requestedSchema": FORM}
        player.ask("elicitation/create", form, id="form")


if __name__ == "__main__":
    Player(sys.argv[1], sys.argv[2]).serve_all()
