"""A small, correct client: `reference_client.py [--defect NAME] AGENT...`. A defect breaks one thing.

Standard library only and few imports, so that it starts in the blink of an eye. A defect is called after the
requirement it violates, without `client.`.
"""

# pyright: basic
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

ARGS = sys.argv[1:]
DEFECT = ARGS[1] if ARGS[0] == "--defect" else ""
AGENT = ARGS[2:] if DEFECT else ARGS
DEAF = {
    "behind-unknown-update": "unknown-update",
    "behind-unknown-notification": "unknown-notification",
    "behind-meta": "meta",
    "behind-nulls": "nulls",
    "behind-unknown-members": "unknown-members",
    "behind-rich-content": "rich-content",
    "behind-unannounced-call": "unannounced-call",
    "behind-burst": "burst",
    "behind-large-line": "large-line",
    "behind-rare-characters": "rare-characters",
}


def broken(name: str) -> bool:
    return name == DEFECT


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    def __init__(self, agent: subprocess.Popen) -> None:
        self.agent = agent
        self.n_asked = 0
        self.terminals: dict = {}
        self.released: dict = {}
        self.lock = threading.Lock()

    def send(self, frame: dict) -> None:
        with self.lock:
            self.agent.stdin.write(json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n")
            self.agent.stdin.flush()

    def ask(self, method: str, params: dict) -> dict:
        self.n_asked += not (broken("ids-unique") and self.n_asked)
        self.send({"id": self.n_asked, "method": method, "params": params})
        for line in self.agent.stdout:
            frame = json.loads(line)
            if "method" not in frame and frame.get("id") == self.n_asked:
                return frame
            if "method" in frame and "id" in frame:
                self.serve(frame)
        return {"error": {"message": "the agent ended"}}

    def serve(self, frame: dict) -> None:
        if broken("names-its-session") and frame["id"] == "permission":
            return
        if broken(DEAF.get(frame["id"], "?")):
            time.sleep(60)
        try:
            result = self.answer(frame["method"], frame["params"])
            self.send({"id": frame["id"], "result": result})
            if broken("answers-once") and frame["id"] == "permission":
                self.send({"id": frame["id"], "result": result})
        except Refused as exc:
            self.send({"id": frame["id"], "error": {"code": exc.code, "message": str(exc)}})

    def answer(self, method: str, params: dict):
        if broken("uninvited") and OFFER != FULL and method.startswith(("fs/", "terminal/", "elicitation/")):
            return {}
        match method:
            case "session/request_permission":
                option = "maybe" if broken("permission") else params["options"][0]["optionId"]
                return {"outcome": {"outcome": "selected", "optionId": option}}
            case "fs/read_text_file" if OFFER == FULL:
                return self.read(**params)
            case "fs/write_text_file" if OFFER == FULL:
                if not broken("file-write"):
                    with open(params["path"], "w", encoding="utf-8") as file:
                        file.write(params["content"])
                return {}
            case "elicitation/create" if OFFER == FULL:
                return {"action": "accept", "content": {"color": 7 if broken("form") else "red"}}
            case _ if method.startswith("terminal/") and OFFER == FULL:
                return self.terminal(method.partition("/")[2], params)
            case _:
                raise Refused(-32603 if broken("unknown-method") else -32601, "no such method")

    def read(self, path: str, line: int = 1, limit: int | None = None, **_) -> dict:
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.readlines()
        except OSError:
            if broken("file-missing"):
                return {"content": ""}
            raise Refused(-32002, "no such file") from None
        if broken("file-read") and limit is None:
            lines = [text.upper() for text in lines]
        first = line if broken("file-lines") and line > 1 else line - 1
        return {"content": "".join(lines[first : None if limit is None else first + limit])}

    def terminal(self, what: str, params: dict) -> dict:
        if what == "create":
            words = [params["command"], *params["args"]]
            child = subprocess.Popen(words, cwd=params["cwd"], stdout=subprocess.PIPE)
            id = f"terminal-{len(self.terminals) + len(self.released)}"
            self.terminals[id] = child
            return {"terminalId": id}
        known = {**self.terminals, **(self.released if broken("terminal-released") else {})}
        child = known.get(params["terminalId"])
        if child is None:
            raise Refused(-32603, "no such terminal")
        match what:
            case "wait_for_exit":
                code = child.wait()
                if broken("terminal-exit") and code == 7:
                    code = 0
                return {"exitCode": code} if code >= 0 else {"signal": str(-code)}
            case "output":
                text = (
                    "" if broken("terminal-output") or child.stdout.closed else child.stdout.read().decode()
                )
                return {"output": text, "truncated": False}
            case "kill":
                child.kill()
                if broken("terminal-kill"):  # forgets the terminal with its command
                    self.terminals.pop(params["terminalId"]).stdout.close()
                return {}
        self.released[params["terminalId"]] = self.terminals.pop(params["terminalId"])
        child.kill()
        child.wait()
        child.stdout.close()
        return {}


FULL: dict = {
    "fs": {"readTextFile": True, "writeTextFile": True},
    "terminal": True,
    "elicitation": {"form": {}},
}
OFFER = {} if "uninvited" in AGENT else FULL


def main() -> None:
    agent = subprocess.Popen(AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client = Client(agent)
    if broken("framing"):
        agent.stdin.write(b"hello\n")
    params = {
        "protocolVersion": "1" if broken("schema") else 1,
        "clientCapabilities": OFFER,
        "clientInfo": {"name": "reference", "version": "1.0"},
    }
    if broken("info"):
        del params["clientInfo"]
    if broken("initialize-first"):
        client.ask("session/new", {"cwd": os.getcwd(), "mcpServers": []})
    greeting = client.ask("initialize", params)["result"]
    if greeting["protocolVersion"] == 1 or broken("wrong-version"):
        cwd = "." if broken("absolute-directory") else os.getcwd()
        session = client.ask("session/new", {"cwd": cwd, "mcpServers": []})["result"]["sessionId"]
        if broken("names-its-session"):
            session = "mine"
        prompt = [{"type": "text", "text": sys.stdin.readline()}]
        done = client.ask("session/prompt", {"sessionId": session, "prompt": prompt})
        hangs = {"the model failed": "failed-prompt", "the agent ended": "ended-agent"}
        if broken("ends") or broken(hangs.get(done.get("error", {}).get("message", ""), "?")):
            time.sleep(60)
    if broken("closes-stdin"):
        agent.kill()
    agent.stdin.close()
    agent.wait()


if __name__ == "__main__":
    main()
