"""Scripts for the deterministic model: what it answers, in lines a person can read and write.

    # a comment
    say: Hello! You said: {prompt}
    ---
    say: I can only say two things.
    when: weather
    think: I should look it up.
    call: read {"path": "weather.txt"}
    usage: 120 30
    ---
    say: The file says {result}

A script is a list of branches, a branch a list of replies separated by `---`, a reply one step of the model.
A `when:` line heads a branch, chosen if the user's last message contains its text; replies before the first
one are the default branch. Which reply of the branch comes next depends only on how many the conversation
already holds, so a script has no memory and every session can play it.

    think: <text>                 thinking; lines in a row are joined, `\\n` is a newline
    say: <text>                   the answer, streamed word by word; `{prompt}` and `{result}` are replaced
    call: <tool> <json object>    a tool call
    call-raw: <tool> <text>       a tool call whose arguments are sent as they stand, to be wrong on purpose
    flood: <n>                    n small pieces of the answer at once, for measurements
    usage: <in> <out>             tokens reported
    stop: <reason>                `stop`, `max_tokens` or `refusal`; `tool_calls` is implied by a call
    error: <status> <message>     fail as this HTTP status does; after output, break off with an error
    fail: <n> <status> <message>  the first n requests for this reply fail so, then it is given
    header: <name>: <value>       a header of the answer (only the model server has headers)
    cut                           end the stream without a conclusion
    reset                         break the connection
    body: <content type> <text>   answer with this document instead of a stream
    raw: <text>                   bytes of the stream, `\\n` and `\\r` are line ends (only the model server)
    wait                          say nothing more until cancelled
    closing: <text>               at the top: what is said when a branch has no more replies
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import InvalidJson, dump_text, load
from acp_agent.model.chat import FinishReason, Usage


class Think(msgspec.Struct, frozen=True):
    """Thinking."""

    text: str


class Say(msgspec.Struct, frozen=True):
    """Part of the answer, a template."""

    text: str


class Flood(msgspec.Struct, frozen=True):
    """Many small pieces of the answer."""

    n_deltas: int


class Call(msgspec.Struct, frozen=True):
    """A tool call; `arguments` is sent as it stands."""

    name: str
    arguments: str


class Refuse(msgspec.Struct, frozen=True):
    """Fail as an HTTP status does; if `times` is not None, only that often, then go on."""

    status: int
    message: str
    times: int | None = None


class Document(msgspec.Struct, frozen=True):
    """Answer with a document instead of a stream."""

    content_type: str
    text: str


class Raw(msgspec.Struct, frozen=True):
    """Bytes to put into the stream."""

    text: str


class Break(msgspec.Struct, frozen=True):
    """Say nothing more, and how."""

    how: Literal["cut", "reset", "wait"]


Act: TypeAlias = Think | Say | Flood | Call | Refuse | Document | Raw | Break


class Reply(msgspec.Struct, frozen=True):
    """One step of the model; `reason` is None where it follows from the acts."""

    acts: tuple[Act, ...]
    usage: Usage = Usage()
    reason: FinishReason | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def finish_reason(self) -> FinishReason:
        """Why the step ends."""
        if self.reason is not None:
            return self.reason
        return "tool_calls" if any(isinstance(act, Call) for act in self.acts) else "stop"


class Branch(msgspec.Struct, frozen=True):
    """The replies to one user message; `when` is empty for the default branch."""

    when: str
    replies: tuple[Reply, ...]


class Script(msgspec.Struct, frozen=True):
    """All a scripted model can say."""

    branches: tuple[Branch, ...]
    closing: str = ""

    def reply(self, prompt: str, n_answered: int) -> Reply | None:
        """The reply to the user's message after `n_answered` replies to it; None if the script has none."""
        lowered = prompt.lower()
        branch = next((b for b in self.branches if b.when and b.when.lower() in lowered), None)
        if branch is None:
            branch = next((b for b in self.branches if not b.when), Branch("", ()))
        if n_answered < len(branch.replies):
            return branch.replies[n_answered]
        return Reply((Say(self.closing),)) if self.closing else None


def parse_script(text: str) -> Script:
    """The script in `text`.

    Raises:
        ConfigError: a line cannot be understood; the message has its number.
    """
    closing = ""
    branches: list[Branch] = []
    when = ""
    replies: list[Reply] = []
    reply = _ReplyBuilder()

    def end_reply() -> None:
        nonlocal reply
        if not reply.is_empty:
            replies.append(reply.build())
        reply = _ReplyBuilder()

    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(":")
        rest = rest.strip()
        if line == "---":
            end_reply()
        elif word == "when" and rest:
            end_reply()
            branches.append(Branch(when, tuple(replies)))
            when, replies = rest, []
        elif word == "closing" and rest and not branches:
            closing = _unescaped(rest)
        else:
            reply.add(number, word, rest)
    end_reply()
    branches.append(Branch(when, tuple(replies)))
    return Script(tuple(branch for branch in branches if branch.replies), closing)


def words(text: str) -> list[str]:
    """`text` in the pieces it is streamed in; joined they are `text`."""
    return re.findall(r"\s*\S+|\s+", text)


def filled(template: str, *, prompt: str, result: str) -> str:
    """The template with its placeholders replaced, once."""
    values = {"{prompt}": prompt, "{result}": result}
    return re.sub(r"\{prompt\}|\{result\}", lambda found: values[found[0]], template)


class _BadLine(ValueError):
    pass


class _ReplyBuilder:
    def __init__(self) -> None:
        self._acts: list[Act] = []
        self._usage = Usage()
        self._reason: FinishReason | None = None
        self._headers: list[tuple[str, str]] = []
        self.is_empty = True

    def add(self, number: int, word: str, rest: str) -> None:
        self.is_empty = False
        try:
            if word in _ACTS:
                self._append(_ACTS[word](rest))
            elif word == "usage":
                tokens = re.fullmatch(r"(\d+)\s+(\d+)", rest)
                if tokens is None:
                    raise _BadLine("write `usage: <tokens in> <tokens out>`")
                self._usage = Usage(int(tokens[1]), int(tokens[2]))
            elif word == "stop":
                self._reason = _reason(rest)
            elif word == "header":
                name, colon, value = rest.partition(":")
                if not colon:
                    raise _BadLine("write `header: <name>: <value>`")
                self._headers.append((name.strip(), value.strip()))
            else:
                raise _BadLine(f"unknown directive `{word}`")
        except _BadLine as exc:
            raise ConfigError(
                f"script line {number}: {exc}",
                hint="the directives are listed in `acp_agent.providers.script`",
            ) from exc

    def _append(self, act: Act) -> None:
        match act, self._acts[-1:]:
            case Say(text), [Say(before)]:
                self._acts[-1] = Say(f"{before}\n{text}")
            case Think(text), [Think(before)]:
                self._acts[-1] = Think(f"{before}\n{text}")
            case _:
                self._acts.append(act)

    def build(self) -> Reply:
        return Reply(tuple(self._acts), self._usage, self._reason, tuple(self._headers))


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\r", "\r")


def _reason(rest: str) -> FinishReason:
    match rest:
        case "stop" | "tool_calls" | "max_tokens" | "refusal":
            return rest
        case _:
            raise _BadLine("write `stop: stop`, `stop: max_tokens` or `stop: refusal`")


def _call(rest: str) -> Call:
    name, _, arguments = rest.partition(" ")
    try:
        value = load(arguments.strip().encode() or b"{}")
    except InvalidJson as exc:
        raise _BadLine(f"the arguments are not JSON: {exc}") from exc
    if not name or not isinstance(value, dict):
        raise _BadLine("write `call: <tool> <json object>`")
    return Call(name, dump_text(value))


def _call_raw(rest: str) -> Call:
    name, _, arguments = rest.partition(" ")
    return Call(name, arguments)


def _flood(rest: str) -> Flood:
    if not rest.isdecimal():
        raise _BadLine("write `flood: <number>`")
    return Flood(int(rest))


def _error(rest: str) -> Refuse:
    parts = re.fullmatch(r"([1-5]\d\d)(?:\s+(.*))?", rest)
    if parts is None:
        raise _BadLine("write `error: <status> <message>`")
    return Refuse(int(parts[1]), parts[2] or "")


def _fail(rest: str) -> Refuse:
    parts = re.fullmatch(r"(\d+)\s+([1-5]\d\d)(?:\s+(.*))?", rest)
    if parts is None:
        raise _BadLine("write `fail: <times> <status> <message>`")
    return Refuse(int(parts[2]), parts[3] or "", times=int(parts[1]))


def _document(rest: str) -> Document:
    content_type, _, text = rest.partition(" ")
    if "/" not in content_type:
        raise _BadLine("write `body: <content type> <text>`")
    return Document(content_type, text)


_ACTS: Mapping[str, Callable[[str], Act]] = {
    "think": lambda rest: Think(_unescaped(rest)),
    "say": lambda rest: Say(_unescaped(rest)),
    "flood": _flood,
    "call": _call,
    "call-raw": _call_raw,
    "error": _error,
    "fail": _fail,
    "body": _document,
    "raw": lambda rest: Raw(_unescaped(rest)),
    "cut": lambda _: Break("cut"),
    "reset": lambda _: Break("reset"),
    "wait": lambda _: Break("wait"),
}
