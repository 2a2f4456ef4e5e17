"""What is asked of a client, and how a record of its conversation tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.clients.play import Part, Play
from acp_agent.conformance.judging import judge
from acp_agent.conformance.reach import at, has, object_at, text_at
from acp_agent.conformance.requirement import Demand, Level
from acp_agent.conformance.verdicts import Inconclusive, NotAdvertised, expect

_METHOD_NOT_FOUND = -32601

Judge: TypeAlias = Callable[[Play], int]
"""Judges a play and returns how many things it judged; 0 makes it inconclusive."""


class ClientRequirement(Demand, frozen=True, kw_only=True):
    """One requirement of a client, judged by how it takes a part."""

    part: Part
    judge: Judge


def _asks(
    id: str, level: Level, section: str, part: Part = "everything"
) -> Callable[[Judge], ClientRequirement]:
    def made(judge: Judge) -> ClientRequirement:
        text = (judge.__doc__ or "").strip()
        return ClientRequirement(
            id=f"client.{id}", level=level, text=text, section=section, part=part, judge=judge
        )

    return made


@_asks("framing", "MUST", "Transports > stdio")
def framing(play: Play) -> int:
    """Each line to the agent is one JSON-RPC 2.0 message and nothing else."""
    lines = [line for line in play.log if line.sender == "client"]
    for line in lines:
        expect(line.frame is not None, f"a line is no message: {line.problem}: {line.raw[:200]!r}")
        expect(at(line.frame, "jsonrpc") == "2.0", f"a message without `jsonrpc`: {line.raw[:200]!r}")
    return len(lines)


@_asks("schema", "MUST", "Schema")
def schema(play: Play) -> int:
    """Every message fits the schema of the protocol."""
    found, n_judged = judge(play.log, "client")
    expect(not found, "; ".join(found[:5]))
    return n_judged


@_asks("initialize-first", "MUST", "Initialization")
def initialize_first(play: Play) -> int:
    """The first message is `initialize`, and it is sent once."""
    methods = [text_at(frame, "method") for frame in play.frames()]
    expect(methods[:1] in ([], ["initialize"]), f"the client began with {methods[:3]}")
    expect(methods.count("initialize") <= 1, "`initialize` was sent more than once")
    return len(methods)


@_asks("info", "SHOULD", "Initialization > Implementation information")
def info(play: Play) -> int:
    """The client tells its name and version."""
    told = [object_at(frame, "params", "clientInfo") for frame in play.frames("initialize")]
    for item in told:
        expect(bool(text_at(item, "name")) and bool(text_at(item, "version")), f"`clientInfo` is {item}")
    return len(told)


@_asks("absolute-directory", "MUST", "Session setup > Working directory")
def absolute_directory(play: Play) -> int:
    """A session is opened with an absolute folder."""
    folders = [text_at(frame, "params", "cwd") for frame in play.frames("session/new")]
    for folder in folders:
        expect(Path(folder).is_absolute(), f"the folder is `{folder}`")
    return len(folders)


@_asks("names-its-session", "MUST", "Prompt turn")
def names_its_session(play: Play) -> int:
    """Prompts name the session as the agent called it."""
    found = [text_at(frame, "params", "sessionId") for frame in play.frames("session/prompt")]
    for id in found:
        expect(id == "conformance-session", f"a prompt names the session `{id}`")
    return len(found)


@_asks("ids-unique", "MUST", "JSON-RPC 2.0")
def ids_unique(play: Play) -> int:
    """No two requests of the client have the same id."""
    ids = [jsontext.dump_text(frame["id"]) for frame in play.frames() if "method" in frame and "id" in frame]
    expect(len(set(ids)) == len(ids), f"the ids are {ids}")
    return len(ids) if len(ids) > 1 else 0


@_asks("answers-once", "MUST", "JSON-RPC 2.0")
def answers_once(play: Play) -> int:
    """Every request of the agent is answered once, and nothing else is."""
    asked = [
        line.frame["id"]
        for line in play.log
        if line.sender == "agent" and line.frame is not None and "method" in line.frame and "id" in line.frame
    ]
    for id in asked:
        expect(len(play.answers(id)) == 1, f"the request {id!r} has {len(play.answers(id))} answers")
    for frame in play.frames():
        expect("method" in frame or frame.get("id") in asked, f"an answer to id {frame.get('id')!r}")
    return len(asked)


@_asks("permission", "MUST", "Tool calls > Requesting permission")
def permission(play: Play) -> int:
    """A permission request is answered with one of its options, or as cancelled."""
    outcome = object_at(play.result("permission"), "outcome")
    kind, option = text_at(outcome, "outcome"), text_at(outcome, "optionId")
    fits = kind == "cancelled" or (kind == "selected" and option in ("yes", "no"))
    expect(fits, f"the outcome is {outcome}")
    return 1


@_asks("file-read", "MUST", "File system > Reading files")
def file_read(play: Play) -> int:
    """A file is given as it is."""
    content = text_at(play.result("read"), "content")
    expect(content == "first\nsecond\nthird\n", f"the content is {content[:200]!r}")
    return 1


@_asks("file-lines", "MUST", "File system > Reading files")
def file_lines(play: Play) -> int:
    """Lines are counted from 1, and no more are given than were asked for."""
    content = text_at(play.result("read-lines"), "content")
    expect(content.rstrip("\n") == "second", f"line 2 is {content[:200]!r}")
    return 1


@_asks("file-missing", "SHOULD", "File system > Reading files")
def file_missing(play: Play) -> int:
    """Reading a file that does not exist is an error."""
    answer = play.answer("read-missing")
    expect("error" in answer, f"answered {jsontext.dump_text(answer)[:300]}")
    return 1


@_asks("file-write", "MUST", "File system > Writing files")
def file_write(play: Play) -> int:
    """A file is written before the answer, as the agent gave it, and made if it is not there."""
    answer = play.answer("write")
    if "error" in answer:
        raise Inconclusive(f"the client did not write: {text_at(answer, 'error', 'message')}")
    written = [note["written"] for note in play.notes if "written" in note]
    expect(written == ["first\nsecond\nthird\n"], f"the file has {written}")
    return 1


def _terminal(play: Play, id: str) -> JsonObject:
    """The result of a request of a terminal, which the client may refuse to make."""
    if "error" in play.answer("terminal"):
        raise Inconclusive("the client did not run the command")
    return play.result(id)


@_asks("terminal-output", "MUST", "Terminals > Getting output")
def terminal_output(play: Play) -> int:
    """What a command prints is given."""
    output = text_at(_terminal(play, "terminal-output"), "output")
    expect("conformance-terminal" in output, f"the output is {output[:200]!r}")
    return 1


@_asks("terminal-exit", "MUST", "Terminals > Waiting for exit")
def terminal_exit(play: Play) -> int:
    """The exit code of a command is given once it ended."""
    result = _terminal(play, "terminal-exit")
    expect(at(result, "exitCode") == 7, f"answered {jsontext.dump_text(result)[:300]}")
    return 1


@_asks("terminal-released", "SHOULD", "Terminals > Releasing")
def terminal_released(play: Play) -> int:
    """A terminal that was released is unknown."""
    _terminal(play, "terminal-release")
    answer = play.answer("terminal-released")
    expect("error" in answer, "a released terminal still gives output")
    return 1


@_asks("terminal-kill", "MUST", "Terminals > Killing commands")
def terminal_kill(play: Play) -> int:
    """A command that is killed ends, and can still be waited for."""
    _terminal(play, "terminal-kill")
    result = play.result("terminal-killed")
    expect(has(result, "exitCode") or has(result, "signal"), f"answered {result}")
    return 1


@_asks("form", "MUST", "Elicitation > Response actions")
def form(play: Play) -> int:
    """A form is answered with an action of the protocol, and values that fit if it is accepted."""
    refusal = object_at(play.answer("form"), "error")
    if refusal and refusal.get("code") != _METHOD_NOT_FOUND:
        raise Inconclusive(f"the client did not ask: {text_at(refusal, 'message')}")
    result = play.result("form")
    action = text_at(result, "action")
    expect(action in ("accept", "decline", "cancel"), f"the action is `{action}`")
    fits = action != "accept" or isinstance(at(result, "content", "color"), str)
    expect(fits, f"the values are {jsontext.dump_text(at(result, 'content'))[:300]}")
    return 1


@_asks("ends", "SHOULD", "Transports > stdio")
def ends(play: Play) -> int:
    """When its work is done the client ends."""
    play.need_prompt()
    expect(play.exit_code is not None, f"it still runs after {play.seconds:.0f} s")
    return 1


@_asks("closes-stdin", "quality", "Transports > stdio")
def closes_stdin(play: Play) -> int:
    """The client closes the agent's stdin and lets it end by itself."""
    play.need_prompt()
    expect(any("end" in note for note in play.notes), "the agent was ended before its stdin")
    return 1


@_asks("uninvited", "MUST", "Initialization > Client capabilities", "uninvited")
def uninvited(play: Play) -> int:
    """What the client did not offer it refuses."""
    ids = [id for id in ("read", "write", "terminal", "form") if play.asked(id)]
    play.need_prompt()
    if not ids:
        raise NotAdvertised("the client offers everything")
    for id in ids:
        expect("error" in play.answer(id), f"`{id}` was not offered, and served")
    return len(ids)


@_asks("unknown-method", "SHOULD", "Extensibility > Custom requests", "surprises")
def unknown_method(play: Play) -> int:
    """A request the client does not know is answered with -32601."""
    answer = play.answer("behind-nothing")
    expect(at(answer, "error", "code") == _METHOD_NOT_FOUND, f"answered {jsontext.dump_text(answer)[:300]}")
    return 1


@_asks("wrong-version", "SHOULD", "Initialization > Version negotiation", "version")
def wrong_version(play: Play) -> int:
    """A client whose agent speaks another version opens no session."""
    expect(not play.frames("session/new"), "a session was opened in version 99")
    return len(play.frames("initialize"))


@_asks("failed-prompt", "SHOULD", "Prompt turn", "error")
def failed_prompt(play: Play) -> int:
    """A prompt answered with an error does not make the client hang."""
    play.need_prompt()
    expect(play.exit_code is not None, f"it still runs after {play.seconds:.0f} s")
    return 1


@_asks("ended-agent", "SHOULD", "Transports > stdio", "end")
def ended_agent(play: Play) -> int:
    """An agent that ends in the middle of a turn does not make the client hang."""
    play.need_prompt()
    expect(play.exit_code is not None, f"it still runs after {play.seconds:.0f} s")
    return 1


_SURPRISES: tuple[tuple[str, Level, str, str], ...] = (
    ("unknown-update", "MUST", "Extensibility", "An update of a kind it does not know"),
    (
        "unknown-notification",
        "MUST",
        "Extensibility > Custom notifications",
        "A notification of an extension",
    ),
    ("meta", "MUST", "Extensibility > The _meta field", "`_meta` in an update"),
    ("nulls", "SHOULD", "Schema", "Null where a member is optional"),
    ("unknown-members", "MUST", "Extensibility", "A member of a later version"),
    ("rich-content", "MUST", "Content", "An image, a sound, a link or a resource in the answer"),
    ("unannounced-call", "quality", "Tool calls", "An update of a call that was not announced"),
    ("burst", "MUST", "Transports > stdio", "An answer in thousands of pieces at once"),
    ("large-line", "MUST", "Transports > stdio", "A message of a mebibyte"),
    ("rare-characters", "MUST", "Transports > stdio", "A character that is rare"),
)


def _survives(name: str, level: Level, section: str, what: str) -> ClientRequirement:
    def judge(play: Play) -> int:
        if play.frames("session/prompt") and not play.asked(f"behind-{name}"):
            raise Inconclusive("the conversation ended before")
        play.answer(f"behind-{name}")
        return 1

    text = f"{what} does not keep the client from answering."
    return ClientRequirement(
        id=f"client.{name}", level=level, text=text, section=section, part="surprises", judge=judge
    )


CLIENT_REQUIREMENTS: tuple[ClientRequirement, ...] = (
    framing,
    schema,
    initialize_first,
    info,
    absolute_directory,
    names_its_session,
    ids_unique,
    answers_once,
    permission,
    file_read,
    file_lines,
    file_missing,
    file_write,
    terminal_output,
    terminal_exit,
    terminal_released,
    terminal_kill,
    form,
    uninvited,
    unknown_method,
    *(_survives(*row) for row in _SURPRISES),
    wrong_version,
    failed_prompt,
    ended_agent,
    ends,
    closes_stdin,
)
"""In the order of reports."""
