"""A small, correct agent without a model: it plays the script in the prompt. `--defect ID` breaks one thing.
`--silence says-nothing|echoes|fails|hangs` makes it one that cannot reach its model.

Standard library only and few imports, so that it starts in the blink of an eye. A defect is called after the
requirement it violates.
"""

# pyright: basic
from __future__ import annotations

import _signal
import contextlib
import json
import os
import re
import sys
import threading
import time

HOME = os.path.join(os.environ["HOME"], "reference")
MARK = "conformance-script: "
DEFECT = sys.argv[sys.argv.index("--defect") + 1] if "--defect" in sys.argv else ""
SILENCE = sys.argv[sys.argv.index("--silence") + 1] if "--silence" in sys.argv else ""
MODES = ["ask", "plan"]
MODELS = ["small", "large"]

lock = threading.RLock()
sessions: dict = {}
answers: dict = {}
client: dict = {}
deleted: dict = {}
marks: dict = {}
routes: dict = {}
children: list = []
leaked: list = []
last_id = 0

SINGLE = {"cancel.streaming", "cancel.open-permission", "cancel.running-command"}
"""Interruptions whose defects are something else than not to be heard."""
STATES = {
    "session/request_permission": "open-permission",
    "fs/read_text_file": "open-file-request",
    "elicitation/create": "open-question",
}
PAGE = 2


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
    if broken("robust.slow-reader"):
        with contextlib.suppress(BlockingIOError):
            os.write(1, json.dumps(frame).encode() + b"\n")
        return
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
        if broken("config.each-session") and sessions:
            self.values = next(iter(sessions.values())).values
        self.turn: Turn | None = None
        self.n_calls = 0
        self.n_turns = 0
        self.n_plans = 0
        self.always = self.never = self.is_briefed = False
        self.servers: list = []
        self.further: list = []

    def store(self) -> None:
        os.makedirs(HOME, exist_ok=True)
        with open(os.path.join(HOME, self.id), "w", encoding="utf-8") as file:
            json.dump({"cwd": self.cwd, "updates": self.updates, "n_calls": self.n_calls}, file)

    def connect(self, params: dict) -> None:
        if entries := params.get("mcpServers"):
            import reference_servers

            try:
                self.servers = reference_servers.connect(entries, broken)
            except OSError as exc:
                raise Refused(-32603, str(exc)) from exc

    def tell(self, update: dict, *, keep: bool = True) -> None:
        if keep:
            self.updates.append(update)
            if update["sessionUpdate"] == "tool_call" and not broken("load.after-kill"):
                self.store()
        id = "sess_other" if broken("prompt.updates-of-this-session") else self.id
        if broken("concurrent.two-turns"):
            id = next(iter(sessions))
        send({"method": "session/update", "params": {"sessionId": id, "update": update}})

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        if broken("prompt.thinking-apart"):
            kind = "agent_message_chunk"
        if broken("concurrent.many-sessions") and list(sessions).index(self.id) > 3:
            text = ""
        if broken("framing.control-characters"):
            text = text.replace("\t", " ")
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
        if broken("config.ids-differ"):
            found.append(found[-1])
        if broken("config.no-booleans-unasked"):
            found.append({"id": "fast", "name": "Fast", "type": "boolean", "currentValue": False})
        return found


class Turn:
    def __init__(self, session: Session, id) -> None:
        self.session = session
        self.id = id
        self.cancelled = threading.Event()
        self.open_calls: list = []
        self.media: list = []
        self.state = ""
        self.ends_wrongly = False

    def interrupt(self, signal: str) -> None:
        id = signal + self.state
        self.ends_wrongly = signal == "withdraw." and broken(id)
        if id in SINGLE or not broken(id) or self.ends_wrongly:
            self.cancelled.set()

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
            reason = "end_turn" if self.ends_wrongly else "cancelled"
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
        session.n_turns += 1
        used = 1020 * session.n_turns if broken("usage.not-a-sum") else 1020
        size = 100 if broken("usage.sane") else 200_000
        session.tell({"sessionUpdate": "usage_update", "used": used, "size": size}, keep=False)
        session.tell({"sessionUpdate": "session_info_update", "title": "Hello"}, keep=False)
        if broken("updates.only-if-offered"):
            session.tell({"sessionUpdate": "notice", "severity": "info", "message": "done"}, keep=False)
        if broken("prompt.stop-reason"):
            reason = "done"
        if broken("prompt.failure-told") and error:
            return
        reply(self.id, {"stopReason": reason}, error)
        if broken("prompt.nothing-after") and reason == "end_turn":
            session.say("one more thing")
        if broken("cancel.nothing-after") and reason == "cancelled":
            session.say("stopped")
        if broken("tool-call.no-call-without-turn"):
            call_id = f"call-{session.n_calls}"
            session.tell({"sessionUpdate": "tool_call_update", "toolCallId": call_id, "status": "completed"})

    def step(self, step: dict) -> str | None:
        session, text, path = self.session, step.get("text", ""), step.get("path", "")
        match step["do"]:
            case "say":
                if broken("speed.first-word") or (broken("speed.many-words") and len(text) > 1000):
                    time.sleep(0.5)
                session.say(text)
            case "think":
                session.say(text, "agent_thought_chunk")
                session.say("thought about it")
            case "wait":
                self.state = "streaming" if text else "before-first-word"
                if broken("speed.first-word"):
                    time.sleep(0.5)
                session.say(text)
                self.wait()
            case "ponder":
                self.state = "thinking"
                session.say(text, "agent_thought_chunk")
                self.wait()
            case "plan":
                self.plan(text)
            case "ask":
                self.question(text)
            case "use":
                self.use(path, text)
            case "look":
                seen = [kind for kind in self.media if not broken(f"prompt.{kind}-seen")]
                session.say(" and ".join(seen) or "nothing")
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
        if broken("speed.cancel"):
            time.sleep(0.5)
        raise Stop

    def ask(self, method: str, params: dict) -> dict:
        """Ask the client; its result. Ends with the turn."""
        global last_id
        self.state = STATES.get(method, "")
        with lock:
            last_id += 1
            id = 1 if broken("rpc.own-ids-unique") else last_id
            event = threading.Event()
            answers[id] = [event, None]
        session_id = self.session.id
        if broken("permission.names-its-session") and method == "session/request_permission":
            session_id = next(iter(sessions))
        send({"id": id, "method": method, "params": {"sessionId": session_id, **params}})
        if broken("rpc.own-ids-unique"):
            send({"id": id, "method": method, "params": {"sessionId": session_id, **params}})
        while not event.wait(0.01):
            if self.cancelled.is_set() and not broken("cancel.open-permission"):
                late = broken("cancel.permission-then-cancelled") or broken("permission.late-answer")
                if late and event.wait(0.5):
                    break
                raise Stop
        self.state = ""
        frame = answers.pop(id)[1]
        late = any(broken(id) for id in ("cancel.permission-then-cancelled", "permission.late-answer"))
        if self.cancelled.is_set() and not late and method == "session/request_permission":
            raise Stop
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
        if broken("tool-call.kind") or (broken("tool-call.command-kind") and kind == "execute"):
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
        if status == "in_progress" and broken("tool-call.in-progress"):
            return
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
        if self.session.always:
            return True
        if self.session.never:
            return False
        ids = ["yes", "always", "no", "never"]
        if broken("permission.options"):
            ids = ["yes", "always", "yes", "never"]
        kinds = ["allow_once", "allow_always", "reject_once", "reject_always"]
        if broken("permission.both-ways"):
            ids, kinds = ids[:2], kinds[:2]
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
        if outcome.get("optionId") == "never":
            self.session.never = not broken("permission.never-is-remembered")
            return False
        if outcome.get("optionId") == "no":
            return broken("permission.rejected")
        if outcome.get("optionId") in ("yes", "always"):
            forgets = broken("permission.always-is-remembered")
            always = outcome["optionId"] == "always" and not forgets
            self.session.always = always or broken("permission.once-is-once")
            return not broken("permission.allowed")
        return broken("permission.unknown-option")

    def offered(self, name: str) -> bool:
        return bool(client.get("fs", {}).get(name))

    def read(self, path: str) -> None:
        place = os.path.basename(path) if broken("tool-call.locations") else path
        call_id = self.begin(f"Read {os.path.basename(path)}", "read", locations=[{"path": place, "line": 1}])
        self.update(call_id, status="in_progress")
        inside = [self.session.cwd, *self.session.further]
        try:
            if broken("session.additional-directory-read") and not path.startswith(inside[0]):
                raise Refused(-32603, "outside")
            shown = os.path.basename(path) if broken("fs.absolute-paths") else path
            if broken("fs.only-if-offered") or (
                self.offered("readTextFile") and not broken("fs.unsaved-changes")
            ):
                content = self.ask("fs/read_text_file", {"path": shown}).get("content", "")
            else:
                with open(path, encoding="utf-8") as file:
                    content = file.read()
        except (OSError, Refused):
            if broken("fs.read-refused"):
                raise Refused(-32603, "cannot read") from None
            self.update(call_id, status="failed")
            return
        self.update(call_id, status="completed", content=[_text(content)])

    def before(self, path: str) -> str | None:
        """What is in the file now, in the client's editor if there is one."""
        try:
            if self.offered("readTextFile") and not broken("fs.diff-of-unsaved") and os.path.exists(path):
                return self.ask("fs/read_text_file", {"path": path}).get("content", "")
            with open(path, encoding="utf-8", newline="") as file:
                return file.read()
        except (OSError, Refused):
            return None

    def write(self, path: str, text: str) -> str | None:
        old = self.before(path)
        shown = [{"type": "diff", "path": path, "newText": text}]
        if broken("permission.shows-the-change"):
            shown = []
        name = os.path.basename(path)
        call_id = self.begin(f"Write {name}", "edit", locations=[{"path": path}], content=shown)
        if broken("permission.before-the-deed"):
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        if not self.allowed(call_id, "Write a file"):
            self.update(call_id, status="failed")
            return "refusal" if broken("permission.rejection-is-no-refusal") else None
        self.update(call_id, status="in_progress")
        if self.offered("writeTextFile") or (broken("fs.read-only-offer") and client.get("fs")):
            try:
                for _ in range(2 if broken("fs.one-write") else 1):
                    self.ask("fs/write_text_file", {"path": path, "content": text})
            except Refused:
                if broken("fs.write-refused"):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
                self.update(call_id, status="failed")
                return None
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        if broken("tool-call.diff-line-endings") and "\r" in text:
            text += "more"
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
        if not broken("permission.of-commands") and not self.allowed(call_id, "Run a command"):
            self.update(call_id, status="failed")
            return
        self.update(call_id, status="in_progress")
        if client.get("terminal") or broken("terminal.only-if-offered"):
            try:
                self.in_terminal(call_id, line)
            except Refused:
                if broken("terminal.refused"):
                    raise
                self.update(call_id, status="failed")
                return
            self.update(call_id, status="completed")
        else:
            code, output = self.in_child(line)
            content = [] if broken("tool-call.output-shown") else [_text(output)]
            failed = code and not broken("tool-call.exit-code-failed")
            self.update(call_id, status="failed" if failed else "completed", content=content)

    def in_terminal(self, call_id: str, line: str) -> None:
        cwd = "." if broken("terminal.well-formed") else self.session.cwd
        arguments = {"command": "/bin/sh", "args": ["-c", line], "cwd": cwd}
        terminal = {"terminalId": self.ask("terminal/create", arguments)["terminalId"]}
        if not broken("terminal.shown"):
            self.update(call_id, content=[{"type": "terminal", **terminal}])
        stopped = True
        try:
            self.ask("terminal/wait_for_exit", terminal)
            stopped = False
        finally:
            leaves = "terminal.released-on-cancel" if stopped else "terminal.released"
            if not broken(leaves):
                quiet = Turn(self.session, None)
                quiet.ask("terminal/release", terminal)
                if broken("terminal.balanced"):
                    with contextlib.suppress(Refused):
                        quiet.ask("terminal/output", terminal)

    def in_child(self, line: str) -> tuple[int, str]:
        import signal
        import subprocess

        cwd = self.session.cwd
        if broken("session.directory"):
            cwd = os.getcwd()
        if broken("session.directories-apart"):
            cwd = next(iter(sessions.values())).cwd
        child = subprocess.Popen(
            line,
            shell=True,
            cwd=cwd,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.state = "running-command"
        children.append(child.pid)
        while child.poll() is None:
            if self.cancelled.wait(0.01):
                if broken("cancel.running-command"):
                    child.wait(20)
                if not broken("cancel.command-ended") and not (broken("process.no-orphans") and leaving):
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                raise Stop
        children.remove(child.pid)
        with child.stdout:
            return child.returncode, child.stdout.read().decode()

    def plan(self, text: str) -> None:
        self.session.n_plans += 1
        entries = [
            {"content": f"{text} {number}", "priority": "medium", "status": "pending"} for number in (1, 2)
        ]
        if broken("plan.entries"):
            del entries[0]["priority"]
        if broken("plan.whole"):
            entries = entries[: 1 if self.session.n_plans > 1 else 2]
        if broken("plan.shown"):
            entries = [{**entry, "content": "thinking"} for entry in entries]
        self.session.tell({"sessionUpdate": "plan", "entries": entries}, keep=not broken("plan.replayed"))

    def question(self, text: str) -> None:
        call_id = self.begin("Ask the user", "other")
        if not client.get("elicitation") and not broken("elicitation.only-if-offered"):
            self.update(call_id, status="failed")
            return
        schema = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
        message = "" if broken("elicitation.form") else text
        form = {"mode": "form", "message": message, "requestedSchema": schema}
        try:
            result = self.ask("elicitation/create", form)
        except Refused:
            if broken("elicitation.refused"):
                raise
            result = {"action": "cancel"}
        action = result["action"]
        defects = {"decline": "elicitation.declined", "cancel": "elicitation.dismissed"}
        if action in defects and broken(defects[action]):
            raise Refused(-32603, "the user did not answer")
        if not broken("elicitation.calls-ended"):
            self.update(call_id, status="completed" if action == "accept" else "failed")
        if action == "accept" and not broken("elicitation.accepted"):
            self.session.say(str(result["content"]))

    def use(self, name: str, text: str) -> None:
        servers = self.session.servers
        if broken("mcp.apart"):
            servers = [server for session in sessions.values() for server in session.servers]
        server = next((server for server in servers if name in server.tools), None)
        if server is None:
            self.session.say("there is no such tool")
            return
        call_id = "" if broken("mcp.call-shown") else self.begin(f"Use {name}", "other")
        words = "other words" if broken("mcp.visible-to-model") else text
        from reference_servers import Silent

        def cancelled() -> bool:
            return self.cancelled.is_set() and not broken("mcp.cancelled")

        try:
            result = server.ask("tools/call", {"name": name, "arguments": {"text": words}}, cancelled)
        except Silent:
            raise Stop from None
        told = "" if broken("mcp.result-told") else result["content"][0]["text"]
        if call_id:
            self.update(call_id, status="completed", content=[_text(told)])


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
    if broken("extension.nulls") and "_meta" in params and params["_meta"] is None:
        raise Refused(-32602, "`_meta` is null")
    future = "conformanceFuture" in params.get("clientCapabilities", {})
    if broken("extension.unknown-capabilities") and future:
        raise Refused(-32602, "unknown capability")
    if broken("speed.initialize"):
        time.sleep(0.5)
    if broken("extension.unknown-members") and "conformanceFuture" in params:
        raise Refused(-32602, "unknown member")
    client.update(params.get("clientCapabilities") or {})
    methods = [{"id": "login", "name": "Log in"}]
    if broken("auth.no-terminal-method"):
        methods.append({"id": "tty", "name": "Log in", "type": "terminal"})
    if broken("auth.no-surprise"):
        methods = []
    if broken("auth.ids-unique"):
        methods *= 2
    names = (
        "list",
        "close",
        "delete",
        "resume",
        "fork",
        "archive",
        "title",
        "status",
        "additionalDirectories",
        "systemPrompt",
    )
    offered = {name: {} for name in names}
    answer = {
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": "yes" if broken("initialize.capabilities-are-objects") else True,
            "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
            "sessionCapabilities": offered,
            "mcpCapabilities": {"http": True, "sse": True},
            "providers": {},
            "auth": {"logout": {}, "status": {}},
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
    if broken("auth.no-surprise") or (broken("auth.then-session") and client.get("logged in")):
        raise Refused(-32000, "log in first")
    if broken("session.additional-directories") and params.get("additionalDirectories"):
        raise Refused(-32602, "only one directory")
    if prompted := params.get("systemPrompt"):
        known = prompted["mode"] == "append" or broken("system-prompt.unknown-mode")
        if not known:
            raise Refused(-32602, "no such mode of a system prompt")
    if broken("process.sessions-leak-nothing"):
        leaked.append(open(os.devnull))  # noqa: SIM115
    cwd = check_place(params)
    session = Session("sess_1" if broken("session.ids-differ") else f"sess_{os.urandom(8).hex()}", cwd)
    sessions[session.id] = session
    session.further = params.get("additionalDirectories") or []
    session.is_briefed = bool(prompted)
    session.connect(params)
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
    found = stored(id) or (deleted.get(id, {}) if broken("delete.not-loaded") else {})
    if not found and not broken("load.unknown") and not broken("resume.unknown"):
        raise Refused(-32002, "no such session")
    session = Session(id, check_place(params))
    session.updates, session.n_calls = found.get("updates", []), found.get("n_calls", 0)
    if not broken("load.goes-on"):
        sessions[id] = session
    return session


def replayed(session: Session) -> None:
    shown = list(session.updates)
    if broken("load.order"):
        shown.sort(key=lambda update: update["sessionUpdate"] == "tool_call")
    ended = {update["toolCallId"] for update in shown if update.get("status") in ("completed", "failed")}
    for update in session.updates:
        left = update["sessionUpdate"] == "tool_call" and update["toolCallId"] not in ended
        if left and not broken("load.calls-ended"):
            call = {"sessionUpdate": "tool_call_update", "toolCallId": update["toolCallId"]}
            shown.append({**call, "status": "failed"})
    if broken("load.names-its-session"):
        session = Session("sess_other", session.cwd)
    for update in shown:
        kind = update["sessionUpdate"]
        for item in update.get("content", []) if isinstance(update.get("content"), list) else []:
            if broken("load.does-nothing") and item["type"] == "diff":
                with open(item["path"], "w", encoding="utf-8") as file:
                    file.write(item["newText"])
        if broken("load.user-messages") and kind == "user_message_chunk":
            continue
        if broken("load.same-as-live") and kind == "tool_call_update" and "content" in update:
            continue
        session.tell(update, keep=broken("load.again"))
    if broken("load.again"):
        session.store()


def load(id, params: dict) -> dict | None:
    session = reopened(params)
    if not broken("mcp.on-load"):
        session.connect(params)
    if broken("load.replays-before-answer"):
        reply(id, session.state())
        replayed(session)
        return {"?": 1}
    replayed(session)
    if broken("config.on-load"):
        return {}
    return None if broken("load.object-result") else session.state()


def resume(id, params: dict) -> dict:
    if broken("resume.without-servers") and "mcpServers" not in params:
        raise Refused(-32602, "`mcpServers` is missing")
    session = reopened(params)
    if broken("resume.no-replay"):
        replayed(session)
    return session.state()


def list_sessions(id, params: dict) -> dict:
    wanted = {"exclude": [False], "include": [False, True], "only": [True]}.get(
        params.get("archived") or "exclude"
    )
    if wanted is None:
        if not broken("archive.unknown-filter"):
            raise Refused(-32602, "no such filter")
        wanted = [False]
    found = []
    for name in sorted(os.listdir(HOME)) if os.path.isdir(HOME) else []:
        cwd = stored(name).get("cwd")
        if params.get("cwd") in (None, cwd) or broken("list.by-directory"):
            item = {"sessionId": name, "cwd": cwd, "title": "Hello", "updatedAt": "2026-11-21T10:00:00Z"}
            if broken("list.well-formed"):
                item["updatedAt"] = "yesterday"
            mark = marks.get(name, {})
            item["title"] = mark.get("title", item["title"])
            if broken("title.told"):
                item["title"] = "Good bye"
            archived = bool(mark.get("archived"))
            if not broken("archive.marked"):
                item["archived"] = archived
            if archived in wanted or broken("archive.hidden"):
                found.append(item)
    cursor = params.get("cursor") or "0"
    if not cursor.isdigit() and not broken("list.bad-cursor"):
        raise Refused(-32602, "no such cursor")
    first = int(cursor) if cursor.isdigit() else 0
    answer: dict = {"sessions": [] if broken("list.everything") else found[first : first + PAGE]}
    if len(found) > first + PAGE:
        answer["nextCursor"] = "0" if broken("list.pages") else str(first + PAGE)
    return answer


def shelved(params: dict, defect: str) -> str:
    id = str(params.get("sessionId"))
    if id not in sessions and not stored(id) and not broken(defect):
        raise Refused(-32002, "no such session")
    return id


def archive(id, params: dict) -> dict:
    name = shelved(params, "archive.unknown")
    if marks.get(name, {}).get("archived") and broken("archive.again"):
        raise Refused(-32600, "it is archived")
    if not broken("archive.ends"):
        session = sessions.pop(name, None)
        if session and session.turn:
            session.turn.cancelled.set()
    marks.setdefault(name, {})["archived"] = True
    return {}


def unarchive(id, params: dict) -> dict:
    marks.setdefault(shelved(params, "archive.unknown"), {})["archived"] = broken("archive.back")
    return {}


def set_title(id, params: dict) -> dict:
    name = shelved(params, "title.unknown")
    title = params["title"].strip()
    if not title and not broken("title.empty"):
        raise Refused(-32602, "an empty title")
    if not broken("title.set"):
        marks.setdefault(name, {})["title"] = title
    return {"title": title}


def status(id, params: dict) -> dict:
    name = shelved(params, "status.unknown")
    is_open = (name in sessions and not broken("status.open")) or broken("status.saved")
    return {"status": "open" if is_open else "saved"}


def list_providers(id, params: dict) -> dict:
    found = []
    for number, name in enumerate(("main", "spare")):
        item = {"providerId": name, "supported": ["openai"], "required": number == 0}
        current = routes.get(name, {"apiType": "openai", "baseUrl": "http://127.0.0.1:9/v1"})
        if current:
            item["current"] = {key: current[key] for key in ("apiType", "baseUrl")}
        if broken("providers.listed"):
            item["supported"] = ["anthropic"]
        found.append(item)
    return {"providers": found}


def set_provider(id, params: dict) -> dict:
    if params["providerId"] not in ("main", "spare") and not broken("providers.unknown"):
        raise Refused(-32602, "no such provider")
    if not broken("providers.set"):
        routes[params["providerId"]] = params
    return {}


def disable_provider(id, params: dict) -> dict:
    if not broken("providers.disabled"):
        routes[params["providerId"]] = None
    return {}


def ask_elsewhere(words: str) -> None:
    """Ask the model at the address the client gave; what it says is in the script anyway."""
    if route := routes.get("main"):
        from urllib.request import Request, urlopen

        headers = {} if broken("providers.headers") else route["headers"]
        body = {"model": "x", "stream": True, "messages": [{"role": "user", "content": words}]}
        request = Request(f"{route['baseUrl']}/chat/completions", json.dumps(body).encode(), headers)
        with urlopen(request) as answer:
            answer.read()


def fork(id, params: dict) -> dict:
    found = stored(str(params.get("sessionId")))
    session = Session(f"sess_{os.urandom(8).hex()}", check_place(params))
    session.n_calls = found.get("n_calls", 0)
    session.updates = [] if broken("fork.has-the-past") else found.get("updates", [])
    if not broken("fork.goes-on"):
        sessions[session.id] = session
    session.store()
    told = params["sessionId"] if broken("fork.own-id") else session.id
    return {"sessionId": told, **session.state()}


def authenticate(id, params: dict) -> dict:
    if params.get("methodId") != "login" and not broken("auth.unknown-method"):
        raise Refused(-32602, "no such way to log in")
    client["logged in"] = True
    return {}


def auth_status(id, params: dict) -> dict:
    if broken("auth.status"):
        raise Refused(-32000, "log in first")
    return {"state": "unauthenticated" if broken("auth.no-surprise") else "not_required"}


def logout(id, params: dict) -> dict:
    if broken("auth.logout"):
        raise Refused(-32601, "no such method")
    return {}


def close(id, params: dict) -> dict:
    session = known(params)
    if not broken("close.ends"):
        sessions.pop(session.id)
    if session.turn and not broken("close.running-turn"):
        session.turn.interrupt("close.")
    if not broken("mcp.ends-with-session"):
        for server in session.servers:
            server.close()
    if broken("close.keeps-the-past") and stored(session.id):
        os.remove(os.path.join(HOME, session.id))
    return {}


def delete(id, params: dict) -> dict:
    name = str(params.get("sessionId"))
    file = os.path.join(HOME, name)
    sessions.pop(params.get("sessionId"), None)
    if os.path.exists(file) and not broken("delete.gone"):
        deleted[name] = stored(name)
        os.remove(file)
    elif broken("delete.again"):
        raise Refused(-32002, "no such session")
    return {}


def prompt(id, params: dict) -> dict:
    session = known(params)
    blocks = params.get("prompt", [])
    if broken("robust.unknown-block") and any(block["type"] == "conformance-unknown" for block in blocks):
        os._exit(1)
    if broken("robust.empty-prompt") and not blocks:
        os._exit(1)
    if broken("process.turns-leak-nothing"):
        leaked.append(open(os.devnull))  # noqa: SIM115
    if broken("concurrent.question-blocks-nothing") and answers:
        return {"?": 1}
    if SILENCE == "fails":
        raise Refused(-32603, "no model")
    if SILENCE == "echoes":
        session.say(
            "".join(block.get("text", "") for block in blocks).encode("ascii", "replace")[:99].decode()
        )
    if SILENCE:
        return {"?": 1} if SILENCE == "hangs" else {"stopReason": "end_turn"}
    if session.turn is not None and not broken("cancel.twice"):
        if broken("concurrent.second-prompt"):
            return {"?": 1}
        raise Refused(-32600, "one prompt at a time")
    if broken("load.after-kill-in-turn") and os.path.exists(os.path.join(HOME, session.id)):
        os.remove(os.path.join(HOME, session.id))
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
    turn.media = [kind for kind in ("image", "audio") if kind in kinds]
    if session.is_briefed and not broken("system-prompt.reaches-model"):
        turn.media.append("watchword")
    ask_elsewhere(words)
    session.turn = turn
    if broken("concurrent.turn-blocks-nothing"):
        turn.run(steps)
    elif broken("cancel.at-once"):
        session.turn = None
        threading.Timer(0.2, lambda: (setattr(session, "turn", turn), turn.run(steps))).start()
    else:
        threading.Thread(target=turn.run, args=(steps,), name="turn", daemon=True).start()
    return {"?": 1}


def set_mode(id, params: dict) -> dict:
    session = known(params)
    if broken("modes.while-running") and session.turn:
        raise Refused(-32603, "a turn runs")
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
    if broken("config.unknown-id") and not values:
        return {"configOptions": session.options()}
    if broken("config.while-running") and session.turn:
        raise Refused(-32603, "a turn runs")
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
    "session/fork": fork,
    "session/archive": archive,
    "session/unarchive": unarchive,
    "session/set_title": set_title,
    "session/status": status,
    "providers/list": list_providers,
    "providers/set": set_provider,
    "providers/disable": disable_provider,
    "authenticate": authenticate,
    "logout": logout,
    "auth/status": auth_status,
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
        session.turn.interrupt("cancel.")
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
        if method == "$/cancel_request":
            for session in sessions.values():
                if session.turn and session.turn.id == params.get("requestId"):
                    session.turn.interrupt("withdraw.")
        if broken("extension.notification") and method.startswith("_"):
            send({"id": None, "error": {"code": -32601, "message": "no such method"}})
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


TRIPWIRES = {
    "robust.byte-order-mark": (b"\xef\xbb\xbf", 1),
    "robust.lone-surrogate": (b"\\ud800", 1),
    "robust.same-member-twice": (b'"method"', 2),
    "robust.numbers": (b"99999999", 1),
}
"""What a line may not hold so many times, by the defect that cannot stand it."""


def ended(number, frame) -> None:
    for pid in () if broken("process.ends-on-sigterm") else children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, _signal.SIGKILL)
    os._exit(0)


def main() -> None:
    if broken("process.silent-first"):
        log_stdout("Welcome!\n")
    if broken("process.quiet-stderr"):
        log_stderr("debug\n" * 2000)
    if broken("robust.slow-reader"):
        os.set_blocking(1, False)
    _signal.signal(_signal.SIGTERM, ended)
    for line in read_lines():
        if broken("robust.slow-reader-cancels"):
            lock.acquire()
            lock.release()
        for defect, part in TRIPWIRES.items():
            if broken(defect) and line.count(part[0]) >= part[1]:
                os._exit(1)
        if broken("robust.torn-line") and not line.endswith(b"\n"):
            threading.Event().wait()
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
    if any(broken(f"process.exits-{turn.state}") for turn in turns):
        threading.Event().wait()
    if broken("speed.exit"):
        time.sleep(0.5)
    for turn in turns:
        turn.cancelled.set()
    for thread in threading.enumerate():
        if thread.name == "turn":
            thread.join(2)
    for session in sessions.values() if broken("load.after-kill") else ():
        session.store()
    os._exit(3 if broken("process.exit-code") else 0)


if __name__ == "__main__":
    main()
