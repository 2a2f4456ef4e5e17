"""Questions of the agent at a terminal, and where nobody is at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.questions import Asking
from acp_agent.rpc.errors import RpcError
from tests.cli.test_prompt import run

OPTIONS: list[JsonValue] = [{"const": "a", "title": "Apple"}, {"const": "p", "title": "Pear"}]


class Terminal:
    """Notes what is shown and enters the given lines."""

    def __init__(self, *lines: str) -> None:
        self.shown: list[str] = []
        self._lines: Iterator[str] = iter(lines)

    async def read(self, prompt: str) -> str:
        self.shown.append(prompt)
        return next(self._lines)


async def answer(params: JsonObject, *lines: str) -> tuple[JsonValue, list[str]]:
    terminal = Terminal(*lines)
    return await Asking(terminal.shown.append, terminal.read).answer(params), terminal.shown


def form(part: JsonObject, *, required: bool = True) -> JsonObject:
    schema: JsonObject = {"properties": {"field": part}, "required": ["field"] if required else []}
    return {"mode": "form", "message": "Lunch?", "requestedSchema": schema}


@pytest.mark.parametrize(
    ("part", "lines", "value"),
    [
        ({"type": "string"}, ["soup"], "soup"),
        ({"type": "string", "default": "salad"}, [""], "salad"),
        ({"type": "string", "oneOf": OPTIONS}, ["3", "2"], "p"),
        ({"type": "string", "enum": ["x", "y"]}, ["1"], "x"),
        ({"type": "array", "items": {"anyOf": OPTIONS}}, ["1 x", "2, 1 2"], ["p", "a"]),
        ({"type": "boolean"}, ["perhaps", "yes"], True),
        ({"type": "integer"}, ["1.5", "-3"], -3),
        ({"type": "number"}, ["x", "1.5"], 1.5),
    ],
    ids=str,
)
async def test_a_field_is_filled_in_by_a_line(part: JsonObject, lines: list[str], value: JsonValue) -> None:
    result, shown = await answer(form(part), *lines)
    assert result == {"action": "accept", "content": {"field": value}}
    assert "question: Lunch?" in shown[0]
    assert sum("that is not" in line for line in shown) == len(lines) - 1


async def test_options_are_shown_with_their_numbers() -> None:
    _, shown = await answer(form({"title": "Fruit", "type": "string", "oneOf": OPTIONS}), "1")
    assert shown[1:] == ["  Fruit", "    1  Apple", "    2  Pear", "  number of your choice: "]


async def test_nothing_entered_declines_what_is_needed_and_skips_what_is_not() -> None:
    assert (await answer(form({"type": "string"}), ""))[0] == {"action": "decline"}
    skipped, _ = await answer(form({"type": "string"}, required=False), "")
    assert skipped == {"action": "accept", "content": {}}


@pytest.mark.parametrize(("line", "action"), [("y", "accept"), ("", "decline"), ("no", "decline")])
async def test_a_page_is_named_and_opened_by_the_person(line: str, action: str) -> None:
    params: JsonObject = {
        "mode": "url",
        "message": "Log in",
        "url": "https://example.org/",
        "elicitationId": "v",
    }
    result, shown = await answer(params, line)
    assert result == {"action": action}
    assert any("https://example.org/" in text for text in shown)


async def test_without_anybody_the_question_is_refused_and_shown() -> None:
    shown: list[str] = []
    with pytest.raises(RpcError, match="nobody is at the terminal"):
        await Asking(shown.append, None).answer(form({"type": "string"}))
    assert "Lunch?" in shown[0]


def test_a_question_without_a_terminal_goes_back_to_the_model_even_if_all_is_approved(tmp_path: Path) -> None:
    script = (
        'call: ask_user {"questions": [{"question": "Tea or coffee?", '
        '"options": [{"label": "Tea"}, {"label": "Coffee"}]}]}\n---\nsay: {result}\n'
    )
    result = run("prompt", "go", "--auto-approve", tmp_path=tmp_path, script=script)
    assert result.returncode == 0
    assert "cannot be asked here" in result.stdout
    assert "Tea or coffee?" in result.stderr
