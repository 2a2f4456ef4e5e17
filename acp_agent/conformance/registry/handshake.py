"""The registry's look at the agent itself: it is started with nothing, greeted, and asked how to log in."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.conformance.agent_process import open_agent_process
from acp_agent.conformance.environment import bare_environment
from acp_agent.conformance.reach import at, has, object_at, objects_at, text_at
from acp_agent.conformance.registry.rule import Problems, Rule, rule
from acp_agent.conformance.responses import LOGIN_FIRST
from acp_agent.conformance.verdicts import NotPassed

ANSWER_TIME = 60.0
"""Seconds the registry waits for the first answer."""

_LOGINS = ("agent", "terminal")
_OFFER: JsonObject = {
    "protocolVersion": 1,
    "clientInfo": {"name": "conformance", "version": "1"},
    "clientCapabilities": {
        "terminal": True,
        "fs": {"readTextFile": True, "writeTextFile": True},
        "_meta": {"terminal_output": True, "terminal-auth": True},
    },
}


class Handshake(msgspec.Struct, frozen=True):
    """What the agent said to it.

    `first` is its first line, whatever it was, and `is_answer` whether that was the response to `initialize`;
    `answer` is that response, `opened` the one to `session/new`, `problem` why there is none of them.
    """

    version: str
    first: str = ""
    is_answer: bool = False
    answer: JsonObject | None = None
    opened: JsonObject | None = None
    problem: str = ""


async def shake_hands(
    command: Sequence[str], entry: JsonObject, *, patience: float = ANSWER_TIME
) -> Handshake:
    """Start the agent as the registry does: with a new home, a dumb terminal, no keys, one `initialize`."""
    found = Handshake(text_at(entry, "version"))
    with tempfile.TemporaryDirectory(prefix="acp-registry-", ignore_cleanup_errors=True) as folder:
        place = Path(await anyio.Path(folder).resolve())
        for name in ("home/tmp", "workspace"):
            await anyio.Path(place / name).mkdir(parents=True)
        env = bare_environment(place / "home")
        for way in object_at(entry, "distribution").values():
            env |= {name: str(value) for name, value in object_at(way, "env").items()}
        try:
            agent = await open_agent_process(command, cwd=place / "workspace", env=env, patience=patience)
        except NotPassed as exc:
            return msgspec.structs.replace(found, problem=str(exc))
        async with anyio.create_task_group() as tasks:
            await tasks.start(agent.watch)
            try:
                answer = await agent.ask("initialize", _OFFER)
                found = msgspec.structs.replace(found, answer=answer)
                if "error" not in answer:
                    session: JsonObject = {"cwd": str(place / "workspace"), "mcpServers": []}
                    found = msgspec.structs.replace(found, opened=await agent.ask("session/new", session))
            except NotPassed as exc:
                found = msgspec.structs.replace(found, problem=str(exc))
            await agent.end()
            tasks.cancel_scope.cancel()
    line = next((line for line in agent.log if line.sender == "agent"), None)
    if line is None:
        return found
    is_answer = found.answer is not None and line.frame is found.answer
    return msgspec.structs.replace(found, first=line.raw.decode(errors="replace"), is_answer=is_answer)


@rule("keyless")
def answers_without_keys(found: Handshake) -> Problems:
    """`initialize` is answered within a minute by an agent without keys and with an empty home."""
    if found.answer is None:
        return [found.problem]
    error = found.answer.get("error")
    return [] if error is None else [f"it is answered with {dump_text(error)}"]


@rule("first-line")
def first_line_is_the_answer(found: Handshake) -> Problems:
    """The first line on stdout is the answer, and nothing comes before it."""
    if not found.first:
        return None
    return [] if found.is_answer else [f"it is `{found.first[:80]}`"]


@rule("login")
def there_is_a_way_to_log_in(found: Handshake) -> Problems:
    """There is an authentication method by the agent itself or in a terminal."""
    if found.answer is None or "error" in found.answer:
        return None
    methods = objects_at(found.answer, "result", "authMethods")
    if any(_login(method) in _LOGINS for method in methods):
        return []
    return ["there is none at all" if not methods else "all need what the agent and a terminal cannot do"]


@rule("session", "SHOULD")
def sessions_open_or_ask_for_a_login(found: Handshake) -> Problems:
    """`session/new` without keys opens a session, or is answered with -32000."""
    if found.answer is None or "error" in found.answer:
        return None
    if found.opened is None:
        return [found.problem]
    is_told = at(found.opened, "error", "code") == LOGIN_FIRST
    if is_told or text_at(found.opened, "result", "sessionId"):
        return []
    return [f"it is answered with {dump_text(found.opened.get('error', found.opened.get('result')))}"]


@rule("same-version", "quality")
def version_is_the_entrys(found: Handshake) -> Problems:
    """The agent says it is of the version the entry names."""
    if found.answer is None or not has(found.answer, "result", "agentInfo"):
        return None
    told = text_at(found.answer, "result", "agentInfo", "version")
    return [] if told == found.version else [f"it says it is {told or 'of none'}"]


HANDSHAKE_RULES: tuple[Rule[Handshake], ...] = (
    answers_without_keys,
    first_line_is_the_answer,
    there_is_a_way_to_log_in,
    sessions_open_or_ask_for_a_login,
    version_is_the_entrys,
)


def _login(method: JsonValue) -> str:
    """Who does it: what the method says, or what its extensions say, or by default the agent."""
    kind = text_at(method, "type")
    if kind:
        return kind
    return "terminal" if has(method, "_meta", "terminal-auth") else "agent"
