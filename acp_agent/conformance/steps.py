"""What the model does in a turn, independent of which agent it drives.

A prompt carries its script as one line of JSON. The scripted model plays it by calling the tools the agent
offers; an agent without a model (an example, a mock) may read the line and play it itself.
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue

MARK = "conformance-script: "
"""What the line with the script begins with."""

Do: TypeAlias = Literal[
    "say", "think", "read", "write", "run", "use", "plan", "ask", "look", "wait", "ponder", "fail", "stop"
]

WATCHWORD = "conformance-watchword"
"""What the step `look` looks for in all the model is told, besides media; no prompt has it."""

PLAN_ENTRIES = 2
"""Entries of the plan that the step `plan` makes."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing the model does.

    say, think: `text`; a model's turn ends with it. read: the file `path`. write: `text` into the file
    `path`. run: `text` in a shell. use: the tool `path` of a server, with `text`. plan: a plan whose entries
    hold `text`. ask: the user `text`. look: say which media the prompt holds, `image` or `audio`, and
    `watchword` if `WATCHWORD` was told. wait: say `text`, then nothing more until cancelled. ponder: the same
    with a thought. fail: the service refuses. stop: say `text` and end for the reason `path`.
    """

    do: Do
    text: str = ""
    path: str = ""


def say(text: str) -> Step:
    """Answer with this text."""
    return Step("say", text)


def prompt_text(steps: tuple[Step, ...]) -> str:
    """The words of a prompt that carries these steps."""
    return f"Please follow the script.\n{MARK}{json.dumps(msgspec.to_builtins(steps))}"


def steps_in(prompt: str) -> tuple[Step, ...]:
    """The steps a prompt carries; none if it has no script."""
    _, found, rest = prompt.rpartition(MARK)
    if not found:
        return ()
    line = rest.partition("\n")[0]
    try:
        value, _ = json.JSONDecoder().raw_decode(line)
        return msgspec.convert(value, tuple[Step, ...])
    except (json.JSONDecodeError, msgspec.ValidationError):
        return ()


def text_block(text: str) -> JsonObject:
    """A text content block."""
    return {"type": "text", "text": text}


def prompt_params(session_id: str, *blocks: JsonObject) -> JsonObject:
    """The params of `session/prompt`."""
    content: list[JsonValue] = [*blocks]
    return {"sessionId": session_id, "prompt": content}
