"""The terminal client: on a real terminal with our own agent, without one, and its pieces."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from rich.console import Console

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.chat_screen import RichScreen
from acp_agent.cli.chat_text import diff_lines, end_of, split_blocks
from acp_agent.cli.harmless import harmless
from acp_agent.cli.line_editor import completions
from tests.cli.terminal import Terminal, environment

if os.name == "posix":

    @pytest.fixture
    def terminal(tmp_path: Path) -> Generator[Terminal]:
        terminal = Terminal(tmp_path)
        yield terminal
        terminal.close()

    def test_an_answer_is_drawn_as_markdown_and_ctrl_d_leaves(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.type("hello\r")
        terminal.wait_for("You said hello.")
        terminal.wait_for("ask")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.exit_code() == 0

    def test_a_permission_is_asked_for_with_its_diff_and_given_by_number(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.type("write\r")
        shown = terminal.wait_for("your choice: ")
        assert "+one" in shown
        assert "1  " in shown
        terminal.type("nonsense\r")
        terminal.wait_for("a number from 1 to")
        terminal.wait_for("your choice: ")
        terminal.type("1\r")
        terminal.wait_for("✔ Write `new.txt`")
        terminal.wait_for("Done.")
        assert (terminal.project / "new.txt").read_text(encoding="utf-8") == "one\ntwo\n"

    def test_ctrl_c_cancels_the_turn_and_the_chat_goes_on(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.type("hold\r")
        terminal.wait_for("holding")
        terminal.type("\x03")
        terminal.wait_for("stopped: cancelled")
        terminal.wait_for("> ")
        terminal.type("again\r")
        terminal.wait_for("You said again")
        terminal.wait_for("> ")
        terminal.type("\x03")
        terminal.wait_for("leaves")
        assert terminal.exit_code(pressing="\x03") == 130

    def test_a_form_is_filled_in_by_number(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.type("question\r")
        shown = terminal.wait_for("number of your choice")
        assert "Which color?" in shown
        assert "2  blue" in shown
        terminal.type("2\r")
        terminal.wait_for("your answer, or nothing: ")
        terminal.type("\r")
        terminal.wait_for("Thank you")
        terminal.wait_for("blue")

    def test_the_tab_key_completes_commands_the_agent_offers(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.type("hello\r")
        terminal.wait_for("You said")
        terminal.wait_for("> ")
        terminal.type("/hel\t\r")
        terminal.wait_for("/compact")

    def test_a_session_is_gone_on_with(tmp_path: Path) -> None:
        for arguments, text in ((), "the first"), (("--continue",), "the second"):
            terminal = Terminal(tmp_path, *arguments)
            try:
                if arguments:
                    terminal.wait_for("You said the first")
                terminal.wait_for("> ")
                terminal.type(f"{text}\r")
                terminal.wait_for(f"You said {text}")
                terminal.wait_for("> ")
                terminal.type("/quit\r")
                assert terminal.exit_code() == 0
            finally:
                terminal.close()
        picker = Terminal(tmp_path, "--resume")
        try:
            assert "the first" in picker.wait_for("which session? ")
            picker.type("1\r")
            picker.wait_for("You said the second")
        finally:
            picker.close()

    def test_no_color_means_no_color(tmp_path: Path) -> None:
        terminal = Terminal(tmp_path, NO_COLOR="1")
        try:
            terminal.wait_for("> ")
            terminal.type("write\r")
            shown = terminal.wait_for_raw("your choice")
            assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)
        finally:
            terminal.close()

    def test_sigint_while_nobody_works_only_warns(terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("leaves")
        terminal.type("hello\r")
        terminal.wait_for("You said hello")


def piped(tmp_path: Path, stdin: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "acp_agent", "chat", *arguments],
        cwd=project,
        env=environment(tmp_path),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
    )


def test_without_a_terminal_each_line_is_a_prompt_and_nothing_is_allowed(tmp_path: Path) -> None:
    result = piped(tmp_path, "one\nwrite\nquestion\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("# Title\n\nYou said **one**.\nDone.\n")
    assert "denied: Write `new.txt`" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    listed = piped(tmp_path, "", "--list")
    assert "one" in listed.stdout


OPTIONS_AGENT = """
import json, sys
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
values = [{"group": "g", "name": "G", "options": [{"value": "low", "name": "Low"}, {"value": "high", "name": "High"}]}]
options = [
    {"id": "effort", "name": "Effort", "type": "select", "currentValue": "low", "options": values},
    {"id": "web", "name": "Web", "type": "boolean", "currentValue": False},
    {"id": "kind", "name": "Kind", "category": "mode", "type": "select", "currentValue": "plan", "options": []},
]
for line in sys.stdin:
    message = json.loads(line)
    method, id, params = message.get("method"), message.get("id"), message.get("params")
    if method == "initialize":
        able = params["clientCapabilities"]["session"]
        send(id=id, result={"protocolVersion": 1})
    elif method == "session/new":
        offered = [one for one in options if one["type"] != "boolean" or "boolean" in able["configOptions"]]
        send(id=id, result={"sessionId": "s1", "configOptions": offered})
    elif method == "session/prompt":
        notice = {"sessionUpdate": "notice", "title": "Take note:", "description": "it is late", "severity": "info"}
        if "notices" in able:
            send(method="session/update", params={"sessionId": "s1", "update": notice})
        send(id=id, result={"stopReason": "end_turn"})
    elif method == "session/set_config_option" and params["value"] not in ("high", True, False):
        send(id=id, error={"code": -32602, "message": "no such value"})
    elif method == "session/set_config_option":
        for option in options:
            if option["id"] == params["configId"]:
                option["currentValue"] = params["value"]
        send(id=id, result={"configOptions": options})
"""  # noqa: E501


def test_options_are_shown_and_chosen(tmp_path: Path) -> None:
    lines = "/option\n/option effort high\n/option web on\n/option effort no\n/mode\n/option x\n/chat-help\n"
    result = piped(tmp_path, lines, "--", sys.executable, "-c", OPTIONS_AGENT)
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[:3] == [
        "  effort: low  Effort",
        "  web: off  Web",
        "  kind: plan  Kind",
    ]
    assert "  effort: high  Effort\n  ○ low  Low\n  ● high  High\n" in result.stderr
    assert "  web: on  Web\n  ● on  \n  ○ off  \n! no such value\n  kind: plan  Kind\n" in result.stderr
    assert "there is no option `x`" in result.stderr
    assert "/option [ID [VALUE]]" in result.stderr


def test_a_notice_is_drawn_apart_from_the_answer(tmp_path: Path) -> None:
    result = piped(tmp_path, "hello\n", "--", sys.executable, "-c", OPTIONS_AGENT)
    assert (result.stdout, result.stderr) == ("", "! Take note: it is late\n")
    notice: JsonObject = {"sessionUpdate": "notice", "title": "Take note:", "description": "it is late"}
    assert drawn(said("Words."), notice) == ["Words.", "! Take note: it is late"]


def test_an_agent_that_cannot_start_or_dies_is_exit_code_1(tmp_path: Path) -> None:
    missing = piped(tmp_path, "", "--", "no-such-agent")
    assert (missing.returncode, "no-such-agent" in missing.stderr) == (1, True)
    dying = piped(tmp_path, "", "--", sys.executable, "-c", "import sys; sys.exit('out of luck')")
    assert (dying.returncode, "out of luck" in dying.stderr) == (1, True)
    nothing = piped(tmp_path, "", "--continue")
    assert (nothing.returncode, "no session to go on with" in nothing.stderr) == (1, True)
    assert piped(tmp_path, "", "--cwd", "missing").returncode == 2


def test_markdown_is_drawn_block_by_block() -> None:
    assert split_blocks("") == [""]
    assert split_blocks("one\n\ntwo\n\nthree") == ["one\n\n", "two\n\n", "three"]
    assert split_blocks("one\n\n") == ["one\n\n"]
    assert split_blocks("- one\n\n    more of one\n\n- two") == ["- one\n\n    more of one\n\n", "- two"]
    assert split_blocks("```py\na\n\nb\n") == ["```py\na\n\nb\n"]
    assert split_blocks("```py\na\n\nb\n```\n\nnext") == ["```py\na\n\nb\n```\n\n", "next"]
    assert end_of("```\n1\n2\n3", 2) == "```\n2\n3"


def drawn(*updates: JsonObject, width: int = 40) -> list[str]:
    """The lines of a turn, as they stand when it is over."""
    output = io.StringIO()
    screen = RichScreen(Console(file=output, width=width))
    for update in updates:
        screen.update(update)
    screen.pause()
    return [line.rstrip() for line in output.getvalue().splitlines()]


def said(text: str) -> JsonObject:
    return {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}


def called(title: str, *lines: str, **more: JsonValue) -> JsonObject:
    content = {"type": "content", "content": {"type": "text", "text": "\n".join(lines)}}
    call: JsonObject = {"toolCallId": title, "title": title, "status": "completed", "content": [content]}
    return {"sessionUpdate": "tool_call", **call, **more}


def test_blocks_and_cards_stand_apart() -> None:
    words = said("First.\n\n- one\n- two\n\nLast.")
    assert drawn(words, called("Read"), called("Look"), said("Done.")) == [
        *("First.", "", " • one", " • two", "", "Last.", ""),
        *("  ✔ Read", "  ✔ Look", "", "Done."),
    ]


def test_headings_stand_at_the_left() -> None:
    assert drawn(said("# Title\n\ntext"), width=80)[-3:] == ["Title", "", "text"]


def test_what_is_too_long_goes_on_below_its_text() -> None:
    plan: JsonObject = {"sessionUpdate": "plan", "entries": [{"content": "words " * 8, "status": "pending"}]}
    assert drawn(plan) == ["  ○ words words words words words words", "    words words"]


def test_a_program_is_shown_with_the_end_of_what_it_wrote() -> None:
    output = ["```", *(f"line {number}" for number in range(20)), "```"]
    lines = drawn(called("make", *output, kind="execute"))
    assert lines == ["  ✔ make", "    … 12 more lines", *(f"    line {number}" for number in range(12, 20))]


def test_changes_that_were_asked_about_are_not_shown_again() -> None:
    diff: JsonValue = [{"type": "diff", "path": "/p/a", "oldText": "-- old\n", "newText": "new\n"}]
    output = io.StringIO()
    screen = RichScreen(Console(file=output, width=40))
    screen.question({"toolCallId": "Edit", "title": "Edit", "content": diff}, [])
    screen.update(called("Edit", content=diff))
    screen.pause()
    shown = output.getvalue()
    assert shown.count("/p/a") == 1
    assert "--- old" in shown  # a line that was taken away, and began with dashes


def test_what_others_write_cannot_act_on_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\u202ec\td\n") == "a[2Jbc\td\n"
    output = io.StringIO()
    screen = RichScreen(Console(file=output, width=80))
    evil = "\x1b]0;owned\x07[link](http://evil.example)"
    screen.update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": evil}})
    screen.update(
        {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "\x1b[31m[red]run", "status": "failed"}
    )
    screen.pause()
    assert "\x1b" not in output.getvalue()
    assert "[red]run" in output.getvalue()


def test_a_long_diff_is_shortened() -> None:
    call: JsonObject = {
        "content": [{"type": "diff", "path": "/p/a", "newText": "\n".join(map(str, range(100)))}]
    }
    lines = diff_lines(call)
    assert len(lines) == 25
    assert lines[0] == ("@", "/p/a")
    assert "more lines" in lines[-1][1]


def test_only_slash_commands_are_completed() -> None:
    assert completions("/m", ["mode", "model", "help"]) == ["/mode ", "/model "]
    assert completions("m", ["mode"]) == []
