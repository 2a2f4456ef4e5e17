"""The official SDK as the editor: every request goes through its models, every frame through our judge."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import acp
import anyio
import pytest
from acp import schema
from anyio.abc import Process, TaskGroup

from acp_agent.providers.script import Script
from acp_agent.testing.model_server import Handler
from tests.interop.stage import (
    PATIENCE,
    AgentProcess,
    Frame,
    Garbage,
    Lifeline,
    RawClient,
    SdkTransport,
    Service,
    Stage,
    open_stage,
)

ResultT = TypeVar("ResultT")


class Pending(Generic[ResultT]):
    """Work that goes on in the background."""

    def __init__(self, tasks: TaskGroup, work: Callable[[], Awaitable[ResultT]]) -> None:
        self._done = anyio.Event()
        self._result: ResultT | None = None
        self._error: Exception | None = None
        tasks.start_soon(self._run, work)

    async def _run(self, work: Callable[[], Awaitable[ResultT]]) -> None:
        try:
            self._result = await work()
        except Exception as exc:
            self._error = exc
        finally:
            self._done.set()

    async def result(self) -> ResultT:
        with anyio.fail_after(PATIENCE):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # pyright: ignore[reportReturnType] # set when there is no error


class Terminal:
    """A command in a terminal of the editor."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.output = b""
        self._all_read = anyio.Event()

    async def wait(self) -> int:
        """Its exit code, once it has ended and its output is complete."""
        await self._all_read.wait()
        return await self.process.wait()

    async def collect(self) -> None:
        assert self.process.stdout is not None
        try:
            async for data in self.process.stdout:
                self.output += data
        except anyio.ClosedResourceError:
            return
        finally:
            self._all_read.set()


class Editor(acp.Client):
    """A client with buffers, terminals and a user.

    `answer` is how the user answers questions: an option's id, `cancelled`, `never`, an exception the client
    raises, or `Garbage`. `form_answer` is the same for forms and pages: a response, `never`, or None if there
    are none. `buffers` are the open files, unsaved changes included.
    """

    def __init__(self, stage: Stage, agent: AgentProcess) -> None:
        self.stage = stage
        self.agent = agent
        self.answer: object = "allow_once"
        self.questions: list[schema.ToolCallUpdate] = []
        self.form_answer: Any = None
        self.forms: list[tuple[str, Any]] = []
        self.visits: list[str] = []
        self.buffers: dict[str, str] = {}
        self.refuses_writes = False
        self.writes: list[tuple[str, str]] = []
        self.terminals: dict[str, Terminal] = {}
        self.n_terminals = 0
        self.terminal_calls: list[str] = []
        self.n_updates = 0
        self.connection = acp.connect_to_agent(self, SdkTransport(agent), use_unstable_protocol=True)

    async def open(self, *, cwd: Path | None = None, **options: Any) -> Conversation:
        """A new session."""
        with anyio.fail_after(30):  # the first one waits until the agent is loaded
            opened = await self.connection.new_session(str(cwd or self.stage.cwd), **options)
        return Conversation(self, opened.session_id)

    async def load(self, session_id: str, *, cwd: Path | None = None) -> Conversation:
        """A stored session, replayed."""
        with anyio.fail_after(30):
            await self.connection.load_session(str(cwd or self.stage.cwd), session_id, [])
        return Conversation(self, session_id)

    async def agent_request(self, method: str, params: Frame) -> Frame:
        """A request the SDK has no name for."""
        return await RawClient(self.agent, prefix=method).ask(method, params)

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        self.n_updates += 1

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[Any], **kwargs: Any
    ) -> Any:
        self.questions.append(tool_call)
        match self.answer:
            case "never":
                await anyio.sleep_forever()
            case "cancelled":
                return {"outcome": {"outcome": "cancelled"}}
            case str(option):
                assert option in [choice.option_id for choice in options]
                return {"outcome": {"outcome": "selected", "optionId": option}}
            case Exception() as exc:
                raise exc
            case Garbage(value):
                self.agent.polite_client = False
                return value
            case unknown:
                raise TypeError(unknown)

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **kwargs: Any
    ) -> Any:
        if path not in self.buffers:
            raise acp.RequestError.resource_not_found(path)
        return schema.ReadTextFileResponse(content=self.buffers[path])

    async def write_text_file(self, session_id: str, path: str, content: str, **kwargs: Any) -> Any:
        if self.refuses_writes:
            raise acp.RequestError.internal_error({"details": "the buffer is read-only"})
        self.writes.append((path, content))
        self.buffers[path] = content
        return schema.WriteTextFileResponse()

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        env: list[Any] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
        **kwargs: Any,
    ) -> Any:
        process = await anyio.open_process([command, *(args or [])], cwd=cwd, start_new_session=True)
        terminal = Terminal(process)
        self.stage.tasks.start_soon(terminal.collect)
        self.n_terminals += 1
        terminal_id = f"terminal-{self.n_terminals}"
        self.terminals[terminal_id] = terminal
        self.terminal_calls.append("create")
        return schema.CreateTerminalResponse(terminal_id=terminal_id)

    async def terminal_output(self, session_id: str, terminal_id: str, **kwargs: Any) -> Any:
        self.terminal_calls.append("output")
        terminal = self.terminals[terminal_id]
        code = terminal.process.returncode
        status = None if code is None else _exit_status(code)
        return schema.TerminalOutputResponse(
            output=terminal.output.decode(), truncated=False, exit_status=status
        )

    async def wait_for_terminal_exit(self, session_id: str, terminal_id: str, **kwargs: Any) -> Any:
        self.terminal_calls.append("wait")
        status = _exit_status(await self.terminals[terminal_id].wait())
        return schema.WaitForTerminalExitResponse(exit_code=status.exit_code, signal=status.signal)

    async def kill_terminal(self, session_id: str, terminal_id: str, **kwargs: Any) -> Any:
        self.terminal_calls.append("kill")
        _kill(self.terminals[terminal_id].process)
        await self.terminals[terminal_id].process.wait()
        return schema.KillTerminalResponse()

    async def release_terminal(self, session_id: str, terminal_id: str, **kwargs: Any) -> Any:
        self.terminal_calls.append("release")
        process = self.terminals.pop(terminal_id).process
        _kill(process)
        await process.aclose()
        return schema.ReleaseTerminalResponse()

    async def create_elicitation(self, message: str, mode: Any, **kwargs: Any) -> Any:
        self.forms.append((message, mode))
        match self.form_answer:
            case None:
                raise acp.RequestError.method_not_found("elicitation/create")
            case "never":
                await anyio.sleep_forever()
            case answer:
                return answer

    async def complete_elicitation(self, elicitation_id: str, **kwargs: Any) -> None:
        self.visits.append(elicitation_id)

    async def ext_method(self, method: str, params: Frame) -> Frame:
        raise acp.RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: Frame) -> None:
        raise acp.RequestError.method_not_found(method)

    def on_connect(self, conn: acp.Agent) -> None:
        pass


class Conversation:
    """One session as a test plays it; what the agent said is read from the frames."""

    def __init__(self, editor: Editor, session_id: str) -> None:
        self.editor = editor
        self.agent = editor.agent
        self.id = session_id

    async def ask(self, text: str) -> str:
        """Send a prompt; its stop reason."""
        with anyio.fail_after(30):  # whole turns with tools, children and retries
            return (await self.editor.connection.prompt(self.id, [acp.text_block(text)])).stop_reason

    def begin(self, text: str) -> Pending[str]:
        """Send a prompt and go on."""
        return Pending(self.editor.stage.tasks, lambda: self.ask(text))

    async def cancel(self) -> None:
        await self.editor.connection.cancel(self.id)

    async def close(self) -> None:
        """Give the session back, so that another agent can have it."""
        await self.editor.connection.close_session(self.id)

    async def seen(self, kind: str, **fields: Any) -> Frame:
        """The first update of this kind with these fields; waits for it."""
        frame = await self.agent.seen(lambda frame: _is_update(frame, self.id, kind, fields))
        return frame["params"]["update"]

    def updates(self, kind: str = "") -> list[Frame]:
        return self.agent.updates(self.id, kind)

    def text(self, kind: str = "agent_message_chunk") -> str:
        """All text of a kind of chunk, joined."""
        return "".join(update["content"]["text"] for update in self.updates(kind))

    def calls(self) -> list[Frame]:
        """The tool calls as a client draws them, in order of appearance."""
        merged: dict[str, Frame] = {}
        for update in self.updates():
            if update["sessionUpdate"] in ("tool_call", "tool_call_update"):
                merged.setdefault(update["toolCallId"], {}).update(update)
        return list(merged.values())

    def statuses(self, call_id: str) -> list[str]:
        """Every status a call went through."""
        return [
            update["status"]
            for update in self.updates()
            if update.get("toolCallId") == call_id and "status" in update
        ]


def _is_update(frame: Frame, session_id: str, kind: str, fields: Frame) -> bool:
    if frame.get("method") != "session/update" or frame["params"]["sessionId"] != session_id:
        return False
    update = frame["params"]["update"]
    return update["sessionUpdate"] == kind and all(update.get(key) == value for key, value in fields.items())


def _exit_status(code: int) -> schema.TerminalExitStatus:
    return schema.TerminalExitStatus(
        exit_code=code if code >= 0 else None, signal=None if code >= 0 else str(-code)
    )


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


class OpenEditor(Protocol):
    """Starts an agent and an editor that has initialized it."""

    def __call__(
        self,
        script: Script | str | Handler | None = None,
        *,
        files: bool = False,
        terminal: bool = False,
        forms: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Awaitable[Editor]: ...


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


@pytest.fixture(params=["openai", "anthropic"])
def service(request: pytest.FixtureRequest) -> Service:
    return request.param


@pytest.fixture
async def open_editor(stage: Stage) -> AsyncGenerator[OpenEditor]:
    editors: list[Editor] = []

    async def open_editor(
        script: Script | str | Handler | None = None,
        *,
        files: bool = False,
        terminal: bool = False,
        forms: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Editor:
        if script is not None:
            await stage.model(script)
        stage.env |= env or {}
        editor = Editor(stage, await stage.agent())
        editors.append(editor)
        capabilities = schema.ClientCapabilities(
            fs=schema.FileSystemCapabilities(read_text_file=files, write_text_file=files),
            terminal=terminal,
            elicitation=schema.ElicitationCapabilities(
                form=schema.ElicitationFormCapabilities(), url=schema.ElicitationUrlCapabilities()
            )
            if forms
            else None,
        )
        with anyio.fail_after(30):  # a process starts
            answer = await editor.connection.initialize(1, capabilities)
        assert answer.protocol_version == 1
        return editor

    yield open_editor
    for editor in editors:
        with anyio.fail_after(30):
            while editor.agent.inbox.statistics().current_buffer_used:
                await anyio.lowlevel.checkpoint()
        await stage.end(editor.agent)
        await editor.connection.close()
        assert editor.n_updates == len(editor.agent.frames("session/update")), (
            "the SDK could not read an update"
        )


@pytest.fixture
def lifeline(stage: Stage) -> Generator[Lifeline]:
    line = Lifeline(stage.cwd / "lifeline")  # commands may be kept from opening files elsewhere
    yield line
    line.close()
