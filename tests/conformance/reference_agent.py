"""A small, correct agent without a model: it plays the script in the prompt. `--defect ID` breaks one thing.

Standard library only and few imports, so that it starts in the blink of an eye. A defect is called after the
requirement it violates.
"""

# pyright: basic
from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading

HOME = os.path.join(os.environ["HOME"], "reference")
MARK = "conformance-script: "
DEFECT = sys.argv[sys.argv.index("--defect") + 1] if "--defect" in sys.argv else ""
MODES = ["ask", "plan"]
MODELS = ["small", "large"]

lock = threading.RLock()
sessions: dict = {}
answers: dict = {}
client: dict = {}
last_id = 0


def broken(id: str) -> bool:
    return id == DEFECT


class Stop(Exception):
    """The turn was cancelled."""


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def send(frame: dict) -> None:
    frame = {"jsonrpc": "2.0", **frame}
    if broken("rpc.result-or-error") and "error" in frame:
        frame["result"] = None
    data = json.dumps(frame, ensure_ascii=broken("framing.utf-8") is None).encode("utf-8")
    if broken("framing.utf-8"):
        data = data.decode().encode("latin-1", "replace")
    with lock:
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()


def reply(id, result=None, error=None) -> None:
    if broken("rpc.ids-echoed") and id == "7":
        id = 7
    frame = {"id": id, "result": result} if error is None else {"id": id, "error": error}
    send(frame)
    if broken("rpc.answered-once") and error:
        send(frame)


def log_stdout(text: str) -> None:
    with lock:
        sys.stdout.write(text)
        sys.stdout.flush()


def log_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class Session:
    def __init__(self, id: str, cwd: str) -> None:
        self.id = id
        self.cwd = cwd
        self.updates: list = []
        self.values = {"mode": "ask", "model": "small"}
        self.turn: Turn | None = None
        self.n_calls = 0

    def store(self) -> None:
        os.makedirs(HOME, exist_ok=True)
        with open(os.path.join(HOME, self.id), "w", encoding="utf-8") as file:
            json.dump({"cwd": self.cwd, "updates": self.updates, "n_calls": self.n_calls}, file)

    def tell(self, update: dict, *, keep: bool = True) -> None:
        if keep:
            self.updates.append(update)
        id = "sess_other" if broken("prompt.updates-of-this-session") else self.id
        if broken("concurrent.two-turns"):
            id = next(iter(sessions))
        send({"method": "session/update", "params": {"sessionId": id, "update": update}})

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        if broken("prompt.thinking-apart"):
            kind = "agent_message_chunk"
        if broken("prompt.text-arrives"):
            text = text.replace("word7 ", "")
        for piece in re.findall(r"\S*\s*", text):
            if piece:
                content = {"type": "text", "text": piece}
                if broken("schema.valid"):
                    content = piece
                update = {"sessionUpdate": kind, "content": content}
                if broken("schema.no-surplus"):
                    update["mood"] = "good"
                if broken("schema.no-nulls"):
                    update["messageId"] = None
                self.tell(update)
                if broken("framing.json-lines"):
                    log_stdout("DEBUG said it\n")

    def state(self) -> dict:
        modes = {
            "currentModeId": "code" if broken("modes.current-is-available") else self.values["mode"],
            "availableModes": [{"id": mode, "name": mode.title()} for mode in MODES],
        }
        return {"modes": modes, "configOptions": self.options()}

    def options(self) -> list:
        def select(id: str, values: list, **more: str) -> dict:
            current = "none" if broken("config.current-is-valid") else self.values[id]
            options = [{"value": value, "name": value} for value in values]
            return {
                "id": id,
                "name": id,
                "type": "select",
                "currentValue": current,
                "options": options,
                **more,
            }

        found = [select("mode", MODES, category="mode"), select("model", MODELS, category="model")]
        if broken("config.no-booleans-unasked"):
            found.append({"id": "fast", "name": "Fast", "type": "boolean", "currentValue": False})
        return found


class Turn:
    def __init__(self, session: Session, id) -> None:
        self.session = session
        self.id = id
        self.cancelled = threading.Event()
        self.open_calls: list = []

    def run(self, steps: list) -> None:
        session = self.session
        reason, error = "end_turn", None
        try:
            for step in steps:
                reason = self.step(step) or "end_turn"
                if self.cancelled.is_set():
                    raise Stop
                if reason == "refusal":
                    break
        except Stop:
            reason = "cancelled"
            if not broken("cancel.calls-ended"):
                for call_id in self.open_calls:
                    self.update(call_id, status="failed")
        except Refused as exc:
            error = {"code": exc.code, "message": str(exc)}
        if broken("cancel.streaming") and reason == "cancelled":
            error = {"code": -32603, "message": "cancelled"}
        if not broken("load.after-kill"):
            session.store()
        if broken("cancel.twice") and reason == "cancelled":
            pass
        elif session.turn is self:
            session.turn = None
        if broken("prompt.stop-reason"):
            reason = "done"
        if broken("prompt.failure-told") and error:
            return
        reply(self.id, {"stopReason": reason}, error)
        if broken("prompt.nothing-after") and reason == "end_turn":
            session.say("one more thing")
        if broken("cancel.nothing-after") and reason == "cancelled":
            session.say("stopped")

    def step(self, step: dict) -> str | None:
        session, text, path = self.session, step.get("text", ""), step.get("path", "")
        match step["do"]:
            case "say":
                session.say(text)
            case "think":
                session.say(text, "agent_thought_chunk")
                session.say("thought about it")
            case "wait":
                session.say(text)
                self.wait()
            case "fail":
                raise Refused(-32603, "the model failed")
            case "stop":
                session.say(text)
                return "end_turn" if broken("prompt.max-tokens") else path
            case "read":
                self.read(path)
            case "write":
                return self.write(path, text)
            case "run":
                self.command(text)

    def wait(self) -> None:
        while not self.cancelled.wait(3600):
            pass
        raise Stop

    def ask(self, method: str, params: dict) -> dict:
        """Ask the client; its result. Ends with the turn."""
        global last_id
        with lock:
            last_id += 1
            id = 1 if broken("rpc.own-ids-unique") else last_id
            event = threading.Event()
            answers[id] = [event, None]
        session_id = self.session.id
        send({"id": id, "method": method, "params": {"sessionId": session_id, **params}})
        if broken("rpc.own-ids-unique"):
            send({"id": id, "method": method, "params": {"sessionId": session_id, **params}})
        while not event.wait(0.01):
            if self.cancelled.is_set() and not broken("cancel.open-permission"):
                if broken("cancel.permission-then-cancelled") and event.wait(0.5):
                    break
                raise Stop
        frame = answers.pop(id)[1]
        if "error" in frame:
            raise Refused(-32603, "the client refused")
        return frame["result"] or {}

    def begin(self, title: str, kind: str, **more) -> str:
        session = self.session
        session.n_calls += 1
        call_id = "call" if broken("tool-call.ids-differ") else f"call-{session.n_calls}"
        self.open_calls.append(call_id)
        if broken("tool-call.title"):
            title = ""
        if broken("tool-call.kind"):
            kind = "other"
        update = {
            "sessionUpdate": "tool_call",
            "toolCallId": call_id,
            "title": title,
            "kind": kind,
            "status": "pending",
        }
        if not broken("tool-call.announced"):
            session.tell({**update, **more})
        else:
            session.tell({**update, "sessionUpdate": "tool_call_update", **more})
        return call_id

    def update(self, call_id: str, **fields) -> None:
        status = fields.get("status")
        if status in ("completed", "failed"):
            if call_id in self.open_calls:
                self.open_calls.remove(call_id)
            if broken("tool-call.ended"):
                return
            if broken("tool-call.failure-shown") or broken("permission.rejection-shown"):
                fields["status"] = "completed"
        self.session.tell({"sessionUpdate": "tool_call_update", "toolCallId": call_id, **fields})
        if broken("tool-call.status-forward") and status in ("completed", "failed"):
            self.session.tell(
                {"sessionUpdate": "tool_call_update", "toolCallId": call_id, "status": "in_progress"}
            )

    def allowed(self, call_id: str, title: str) -> bool:
        ids = ["yes", "no"]
        if broken("permission.options"):
            ids = ["yes", "yes"]
        kinds = ["allow_once", "allow_always" if broken("permission.both-ways") else "reject_once"]
        options = [{"optionId": id, "name": kind, "kind": kind} for id, kind in zip(ids, kinds, strict=True)]
        call = {"toolCallId": call_id, "title": title}
        if broken("permission.names-its-call"):
            call = {"toolCallId": "nobody"}
        try:
            result = self.ask("session/request_permission", {"toolCall": call, "options": options})
        except Refused:
            return broken("permission.error")
        outcome = result.get("outcome", {})
        if outcome.get("outcome") == "cancelled":
            return broken("permission.dismissed") or broken("cancel.permission-then-cancelled")
        if outcome.get("outcome") != "selected":
            return broken("permission.unknown-outcome")
        if outcome.get("optionId") == "no":
            return broken("permission.rejected")
        if outcome.get("optionId") == "yes":
            return not broken("permission.allowed")
        return broken("permission.unknown-option")

    def offered(self, name: str) -> bool:
        return bool(client.get("fs", {}).get(name))

    def read(self, path: str) -> None:
        place = os.path.basename(path) if broken("tool-call.locations") else path
        call_id = self.begin(f"Read {os.path.basename(path)}", "read", locations=[{"path": place, "line": 1}])
        self.update(call_id, status="in_progress")
        try:
            shown = os.path.basename(path) if broken("fs.absolute-paths") else path
            if broken("fs.only-if-offered") or (
                self.offered("readTextFile") and not broken("fs.unsaved-changes")
            ):
                content = self.ask("fs/read_text_file", {"path": shown}).get("content", "")
            else:
                with open(path, encoding="utf-8") as file:
                    content = file.read()
        except (OSError, Refused):
            self.update(call_id, status="failed")
            return
        self.update(call_id, status="completed", content=[_text(content)])

    def write(self, path: str, text: str) -> str | None:
        call_id = self.begin(f"Write {os.path.basename(path)}", "edit", locations=[{"path": path}])
        if not self.allowed(call_id, "Write a file"):
            self.update(call_id, status="failed")
            return "refusal" if broken("permission.rejection-is-no-refusal") else None
        self.update(call_id, status="in_progress")
        try:
            with open(path, encoding="utf-8") as file:
                old = file.read()
        except OSError:
            old = None
        if self.offered("writeTextFile") or (broken("fs.read-only-offer") and client.get("fs")):
            for _ in range(2 if broken("fs.one-write") else 1):
                self.ask("fs/write_text_file", {"path": path, "content": text})
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        diff = {"type": "diff", "path": path, "newText": text}
        if broken("tool-call.diff-true") and old is not None:
            diff["oldText"] = "something else"
        elif broken("tool-call.diff-of-new-file") and old is None:
            diff["oldText"] = text
        elif old is not None:
            diff["oldText"] = old
        self.update(call_id, status="completed", content=[diff])

    def command(self, line: str) -> None:
        call_id = self.begin("Run a command", "execute")
        if not self.allowed(call_id, "Run a command"):
            self.update(call_id, status="failed")
            return
        self.update(call_id, status="in_progress")
        if broken("elicitation.only-if-offered"):
            form = {"mode": "form", "message": "sure?", "requestedSchema": {}}
            with contextlib.suppress(Refused):
                self.ask("elicitation/create", form)
        if client.get("terminal") or broken("terminal.only-if-offered"):
            self.in_terminal(line)
        else:
            self.in_child(line)
        self.update(call_id, status="completed")

    def in_terminal(self, line: str) -> None:
        arguments = {"command": "/bin/sh", "args": ["-c", line], "cwd": self.session.cwd}
        terminal = {"terminalId": self.ask("terminal/create", arguments)["terminalId"]}
        stopped = True
        try:
            self.ask("terminal/wait_for_exit", terminal)
            stopped = False
        finally:
            leaves = "terminal.released-on-cancel" if stopped else "terminal.released"
            if not broken(leaves):
                quiet = Turn(self.session, None)
                quiet.ask("terminal/release", terminal)

    def in_child(self, line: str) -> None:
        import signal
        import subprocess

        child = subprocess.Popen(
            line,
            shell=True,
            cwd=self.session.cwd,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while child.poll() is None:
            if self.cancelled.wait(0.01):
                if broken("cancel.running-command"):
                    child.wait(20)
                if not broken("cancel.command-ended") and not (broken("process.no-orphans") and leaving):
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                raise Stop


leaving: list = []


def _text(text: str) -> dict:
    return {"type": "content", "content": {"type": "text", "text": text}}


def known(params: dict) -> Session:
    session = sessions.get(params.get("sessionId"))
    if session is None and broken("session.unknown"):
        session = sessions["?"] = Session("?", "/")
    if session is None:
        raise Refused(-32602, "no such session")
    return session


def initialize(id, params: dict) -> dict:
    version = params.get("protocolVersion")
    if not isinstance(version, int):
        raise Refused(-32602, "`protocolVersion` is missing")
    if broken("initialize.minimal") and "clientCapabilities" not in params:
        raise Refused(-32602, "`clientCapabilities` is missing")
    if broken("initialize.keyless") and "OPENAI_API_KEY" not in os.environ:
        raise Refused(-32603, "no key")
    if broken("extension.unknown-members") and "conformanceFuture" in params:
        raise Refused(-32602, "unknown member")
    client.update(params.get("clientCapabilities") or {})
    methods = [{"id": "login", "name": "Log in"}]
    if broken("auth.no-terminal-method"):
        methods.append({"id": "tty", "name": "Log in", "type": "terminal"})
    if broken("auth.ids-unique"):
        methods *= 2
    offered = {name: {} for name in ("list", "close", "delete", "resume")}
    answer = {
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": "yes" if broken("initialize.capabilities-are-objects") else True,
            "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
            "sessionCapabilities": offered,
        },
        "agentInfo": {"name": "reference", "version": "1.0"},
        "authMethods": methods,
    }
    if broken("initialize.unknown-version"):
        answer["protocolVersion"] = version
    if broken("initialize.version-1"):
        answer["protocolVersion"] = 0
    if broken("initialize.agent-info"):
        del answer["agentInfo"]
    return answer


def check_place(params: dict) -> str:
    cwd = params.get("cwd")
    if broken("rpc.invalid-params"):
        cwd = os.getcwd()
    elif not isinstance(cwd, str):
        raise Refused(-32602, "`cwd` is missing")
    if not os.path.isabs(cwd) and not broken("session.absolute-cwd"):
        raise Refused(-32602, "`cwd` is not absolute")
    return cwd


def new(id, params: dict) -> dict:
    if broken("extension.meta") and "_meta" in params:
        raise Refused(-32602, "unknown member `_meta`")
    if broken("session.new"):
        return {}
    cwd = check_place(params)
    session = Session("sess_1" if broken("session.ids-differ") else f"sess_{os.urandom(8).hex()}", cwd)
    sessions[session.id] = session
    if broken("robust.joined-writes"):
        session.id = next(iter(sessions))
    commands = [{"name": "/help" if broken("commands.well-formed") else "help", "description": "Shows help"}]
    update = {"sessionUpdate": "available_commands_update", "availableCommands": commands}
    if broken("commands.behind-the-session"):
        session.tell(update, keep=False)
    reply(id, {"sessionId": session.id, **session.state()})
    if not broken("commands.behind-the-session"):
        session.tell(update, keep=False)
    return {"?": 1}


def stored(id: str) -> dict:
    try:
        with open(os.path.join(HOME, os.path.basename(id)), encoding="utf-8") as file:
            return json.load(file)
    except OSError:
        return {}


def reopened(params: dict) -> Session:
    id = str(params.get("sessionId"))
    found = stored(id)
    if not found and not broken("load.unknown"):
        raise Refused(-32002, "no such session")
    session = Session(id, check_place(params))
    session.updates, session.n_calls = found.get("updates", []), found.get("n_calls", 0)
    if not broken("load.goes-on"):
        sessions[id] = session
    return session


def replayed(session: Session) -> None:
    for update in session.updates:
        kind = update["sessionUpdate"]
        if broken("load.user-messages") and kind == "user_message_chunk":
            continue
        if broken("load.same-as-live") and kind == "tool_call_update" and "content" in update:
            continue
        session.tell(update, keep=False)


def load(id, params: dict) -> dict | None:
    session = reopened(params)
    if broken("load.replays-before-answer"):
        reply(id, session.state())
        replayed(session)
        return {"?": 1}
    replayed(session)
    return None if broken("load.object-result") else session.state()


def resume(id, params: dict) -> dict:
    if broken("resume.without-servers") and "mcpServers" not in params:
        raise Refused(-32602, "`mcpServers` is missing")
    session = reopened(params)
    if broken("resume.no-replay"):
        replayed(session)
    return session.state()


def list_sessions(id, params: dict) -> dict:
    found = []
    for name in os.listdir(HOME) if os.path.isdir(HOME) else []:
        cwd = stored(name).get("cwd")
        if params.get("cwd") in (None, cwd) or broken("list.by-directory"):
            found.append({"sessionId": name, "cwd": cwd})
    return {"sessions": [] if broken("list.everything") else found}


def close(id, params: dict) -> dict:
    session = known(params)
    if not broken("close.ends"):
        sessions.pop(session.id)
    if session.turn and not broken("close.running-turn"):
        session.turn.cancelled.set()
    return {}


def delete(id, params: dict) -> dict:
    file = os.path.join(HOME, str(params.get("sessionId")))
    sessions.pop(params.get("sessionId"), None)
    if os.path.exists(file) and not broken("delete.gone"):
        os.remove(file)
    elif broken("delete.again"):
        raise Refused(-32002, "no such session")
    return {}


def prompt(id, params: dict) -> dict:
    session = known(params)
    blocks = params.get("prompt", [])
    kinds = {block["type"]: block for block in blocks}
    for kind in ("image", "audio", "resource_link", "resource"):
        name = {"resource": "prompt.embedded-resource", "resource_link": "prompt.resource-link"}
        if kind in kinds and broken(name.get(kind, f"prompt.{kind}")):
            raise Refused(-32602, f"no {kind}")
    words = "\n".join(block.get("text", "") for block in blocks)
    if broken("robust.large-line") and len(words) > 100_000:
        raise Refused(-32602, "too large")
    script = words.rpartition(MARK)[2]
    steps = json.loads(script.splitlines()[0]) if MARK in words else [{"do": "say", "text": "hello"}]
    for block in blocks:
        if block["type"] == "text":
            session.updates.append({"sessionUpdate": "user_message_chunk", "content": block})
    turn = Turn(session, id)
    if session.turn is not None and broken("cancel.twice"):
        turn.cancelled.set()
    if broken("cancel.idle") and session.values.pop("stopped", None):
        turn.cancelled.set()
    if broken("cancel.next-turn") and session.values.get("was cancelled"):
        raise Refused(-32603, "the session is over")
    session.turn = turn
    if broken("concurrent.turn-blocks-nothing"):
        turn.run(steps)
    elif broken("cancel.at-once"):
        session.turn = None
        threading.Timer(0.2, lambda: (setattr(session, "turn", turn), turn.run(steps))).start()
    else:
        threading.Thread(target=turn.run, args=(steps,), daemon=True).start()
    return {"?": 1}


def set_mode(id, params: dict) -> dict:
    session = known(params)
    if params.get("modeId") not in MODES and not broken("modes.unknown"):
        raise Refused(-32602, "no such mode")
    if broken("modes.can-be-set"):
        raise Refused(-32601, "modes cannot be set")
    session.values["mode"] = params["modeId"]
    session.tell({"sessionUpdate": "current_mode_update", "currentModeId": params["modeId"]}, keep=False)
    if broken("config.in-step-with-modes"):
        session.values["mode"] = "ask"
    session.tell({"sessionUpdate": "config_option_update", "configOptions": session.options()}, keep=False)
    return {}


def set_config_option(id, params: dict) -> dict:
    session = known(params)
    values = {"mode": MODES, "model": MODELS}.get(params["configId"], [])
    if params.get("value") not in values and not broken("config.unknown-value"):
        raise Refused(-32602, "no such value")
    session.values[params["configId"]] = params["value"]
    options = session.options()
    return {"configOptions": options[:1] if broken("config.answer-is-complete") else options}


METHODS = {
    "initialize": initialize,
    "session/new": new,
    "session/load": load,
    "session/resume": resume,
    "session/list": list_sessions,
    "session/close": close,
    "session/delete": delete,
    "session/prompt": prompt,
    "session/set_mode": set_mode,
    "session/set_config_option": set_config_option,
}


def cancel(params: dict) -> None:
    session = sessions.get(params.get("sessionId"))
    if broken("cancel.other-session"):
        for other in sessions.values():
            if other.turn:
                other.turn.cancelled.set()
    if session and session.turn:
        session.turn.cancelled.set()
        session.values["was cancelled"] = True
    elif session:
        session.values["stopped"] = True


def serve(frame) -> None:
    if not isinstance(frame, dict):
        if broken("robust.array"):
            os._exit(1)
        code = -32000 if broken("robust.invalid-request-told") else -32600
        return send({"id": None, "error": {"code": code, "message": "not a request"}})
    method, id, params = frame.get("method"), frame.get("id"), frame.get("params") or {}
    if method is None:
        if id in answers:
            answers[id][1] = frame
            answers[id][0].set()
        elif broken("robust.stray-response"):
            os._exit(1)
        return None
    if "id" not in frame:
        if method == "session/cancel":
            cancel(params)
        if broken("extension.cancel-unknown-request") and method == "$/cancel_request":
            os._exit(1)
        if broken("rpc.no-answer-to-notifications") and method == "conformance/unknown":
            reply(None, error={"code": -32601, "message": "no such method"})
        return None
    handler = METHODS.get(method)
    try:
        if handler is None:
            if broken("extension.method") and method.startswith("_"):
                return None
            if broken("rpc.usable-after-error"):
                os._exit(1)
            raise Refused(-32603 if broken("rpc.unknown-method") else -32601, "no such method")
        result = handler(id, params)
        if not (result and "?" in result):
            reply(id, result)
    except Refused as exc:
        message = f"{exc}\nTraceback:\n" if broken("rpc.error-messages") else str(exc)
        reply(id, error={"code": exc.code, "message": message})


def read_lines():
    if not broken("robust.split-writes"):
        yield from sys.stdin.buffer
        return
    while data := os.read(0, 1 << 20):  # takes each piece for a line
        yield from data.splitlines(keepends=True)


def main() -> None:
    if broken("process.silent-first"):
        log_stdout("Welcome!\n")
    if broken("process.quiet-stderr"):
        log_stderr("debug\n" * 2000)
    for line in read_lines():
        if broken("robust.crlf") and line.endswith(b"\r\n"):
            send({"id": None, "error": {"code": -32700, "message": "not JSON"}})
            continue
        if not line.strip():
            if broken("robust.blank-lines"):
                os._exit(1)
            continue
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            if broken("robust.not-utf-8"):
                raise
            text = ""
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError) as exc:
            if broken("robust.bad-json") or (
                broken("robust.deep-nesting") and isinstance(exc, RecursionError)
            ):
                os._exit(1)
            code = -32603 if broken("robust.bad-json-told") else -32700
            send({"id": None, "error": {"code": code, "message": "not JSON"}})
            continue
        serve(frame)
    leaving.append(True)
    if broken("process.exits-on-eof") or (
        broken("process.exits-in-a-turn") and any(session.turn for session in sessions.values())
    ):
        threading.Event().wait()
    turns = [session.turn for session in sessions.values() if session.turn]
    for turn in turns:
        turn.cancelled.set()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(2)
    for session in sessions.values() if broken("load.after-kill") else ():
        session.store()
    os._exit(3 if broken("process.exit-code") else 0)


if __name__ == "__main__":
    main()
