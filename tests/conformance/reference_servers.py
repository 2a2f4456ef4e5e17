"""The reference agent's connections to MCP servers: just enough of MCP to list tools and call them."""

# pyright: basic
from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable

_GREETING = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "reference", "version": "1.0"},
}
_PATIENCE = 0.4


class Silent(Exception):
    """The server does not answer."""


class ChildServer:
    """A server over standard streams."""

    def __init__(self, entry: dict, broken: Callable[[str], bool]) -> None:
        env = {} if broken("mcp.environment") else {item["name"]: item["value"] for item in entry["env"]}
        self.process = subprocess.Popen(
            [entry["command"], *entry["args"]],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if broken("mcp.ends-with-agent"):  # somebody else keeps its stdin open
            held = [self.process.stdin.fileno()]
            subprocess.Popen(["sleep", "30"], pass_fds=held, stdout=subprocess.DEVNULL)
        self.answers: queue.Queue = queue.Queue()
        self.patience = 30.0 if broken("mcp.silent-server") else _PATIENCE
        threading.Thread(target=self.read, daemon=True).start()
        self.n_asked = 0
        self.ask("initialize", _GREETING)
        self.send({"method": "notifications/initialized"})
        self.tools = [tool["name"] for tool in self.ask("tools/list", {})["tools"]]

    def read(self) -> None:
        for line in self.process.stdout:
            self.answers.put(json.loads(line))

    def send(self, frame: dict) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict, cancelled: Callable[[], bool] = lambda: False) -> dict:
        self.n_asked += 1
        self.send({"id": self.n_asked, "method": method, "params": params})
        waited = 0.0
        while True:
            try:
                return self.answers.get(timeout=0.02)["result"]
            except queue.Empty:
                waited += 0.02
                if cancelled() or (waited > self.patience and method != "tools/call"):
                    raise Silent from None

    def close(self) -> None:
        self.process.stdin.close()


class WebServer:
    """A server over HTTP."""

    def __init__(self, entry: dict, broken: Callable[[str], bool]) -> None:
        self.url = entry["url"]
        self.headers = {item["name"]: item["value"] for item in entry["headers"]}
        if broken("mcp.http-headers"):
            self.headers = {}
        self.ask("initialize", _GREETING)
        self.tools = [tool["name"] for tool in self.ask("tools/list", {})["tools"]]

    def ask(self, method: str, params: dict, cancelled: Callable[[], bool] = lambda: False) -> dict:
        from urllib.request import Request, urlopen

        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        with urlopen(Request(self.url, body, headers)) as answer:
            return json.load(answer)["result"]

    def close(self) -> None:
        """Nothing is kept open."""


class EventServer:
    """A server over HTTP that answers on a stream of events."""

    def __init__(self, entry: dict, broken: Callable[[str], bool]) -> None:
        from urllib.parse import urljoin
        from urllib.request import Request, urlopen

        headers = {item["name"]: item["value"] for item in entry["headers"]}
        self.headers = {} if broken("mcp.sse-headers") else headers
        self.stream = urlopen(Request(entry["url"], headers=self.headers))
        self.url = urljoin(entry["url"], self.next_event())
        self.n_asked = 0
        self.ask("initialize", _GREETING)
        self.tools = [tool["name"] for tool in self.ask("tools/list", {})["tools"]]

    def next_event(self) -> str:
        while True:
            line = self.stream.readline().decode()
            if line.startswith("data: "):
                return line.removeprefix("data: ").strip()

    def ask(self, method: str, params: dict, cancelled: Callable[[], bool] = lambda: False) -> dict:
        from urllib.request import Request, urlopen

        self.n_asked += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self.n_asked, "method": method, "params": params}).encode()
        with urlopen(Request(self.url, body, {**self.headers, "Content-Type": "application/json"})):
            return json.loads(self.next_event())["result"]

    def close(self) -> None:
        self.stream.close()


def connect(entries: list, broken: Callable[[str], bool]) -> list:
    """The servers that can be reached."""
    found: list = []
    for entry in entries:
        kind = entry.get("type", "stdio")
        if broken("mcp.stdio-connected") or broken(f"mcp.{kind}"):
            continue
        made = {"http": WebServer, "sse": EventServer}.get(kind, ChildServer)
        try:
            found.append(made(entry, broken))
        except (OSError, Silent) as exc:
            if broken("mcp.broken-server") and isinstance(exc, FileNotFoundError):
                raise
    return found
