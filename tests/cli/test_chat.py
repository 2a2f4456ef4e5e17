"""The terminal client: on a real terminal with our own agent, without one, and its pieces."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from rich.console import Console

from acp_agent.cli.chat_screen import RichScreen, diff_lines, end_of, split_blocks
from acp_agent.cli.harmless import harmless
from acp_agent.cli.line_editor import completions

SCRIPT = """\
say: # Title\\n\\nYou said **{prompt}**.
when: write
call: write {"path": "new.txt", "content": "one\\ntwo\\n"}
---
say: Done.
when: hold
say: holding
wait
when: question
call: ask_user {"questions": [{"question": "Which color?", "header": "color", "options": [{"label": "red", "description": "r"}, {"label": "blue", "description": "b"}]}]}
---
say: Thank you: {result}
"""  # noqa: E501

PATIENCE = 20.0
"""Seconds for one thing to appear: two processes start."""

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


def environment(tmp_path: Path) -> dict[str, str]:
    script = tmp_path / "model.script"
    script.write_text(SCRIPT, encoding="utf-8")
    return {
        **{key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")},
        "ACP_AGENT_HOME": str(tmp_path / "home"),
        "ACP_AGENT_SCRIPT": str(script),
        "TERM": "xterm-256color",
        "PYTHONUTF8": "1",
    }


class Terminal:
    """`acp-agent chat` on a pseudo-terminal."""

    def __init__(self, tmp_path: Path, *arguments: str, **env: str) -> None:
        import pty  # not on Windows
        import termios

        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 100))
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        self.project = project
        self._master = master
        self._seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acp_agent", "chat", *arguments],
            cwd=project,
            env={**environment(tmp_path), **env},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: _control(slave),
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """What was shown up to this text, without escapes; what follows is left for the next call."""
        end = time.monotonic() + PATIENCE
        while text not in (shown := _ESCAPES.sub("", self._seen)):
            assert self._read(end), f"never shown: {text!r} in {shown!r}"
        before, _, rest = shown.partition(text)
        self._seen = rest
        return before

    def exit_code(self, *, pressing: str = "") -> int:
        """How it ended, `pressing` a key until it does: one pressed just before a line is read may wait."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.type(pressing)
            pause = time.monotonic() + 3.0
            while self._read(pause):
                pass
            if time.monotonic() < pause:  # its end of the terminal is closed
                break
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(end - time.monotonic(), 0))
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # the other side of the terminal is closed
            data = b""
        self._seen += data.decode(errors="replace").replace("\r", "")
        return bool(data)


def _control(slave: int) -> None:
    """Make it the terminal that Ctrl-C comes from."""
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


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
            while "your choice" not in terminal._seen:
                assert terminal._read(time.monotonic() + PATIENCE)
            assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal._seen)
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


def test_an_agent_that_cannot_start_or_dies_is_exit_code_1(tmp_path: Path) -> None:
    missing = piped(tmp_path, "", "--", "no-such-agent")
    assert (missing.returncode, "no-such-agent" in missing.stderr) == (1, True)
    dying = piped(tmp_path, "", "--", sys.executable, "-c", "import sys; sys.exit('out of luck')")
    assert (dying.returncode, "out of luck" in dying.stderr) == (1, True)
    nothing = piped(tmp_path, "", "--continue")
    assert (nothing.returncode, "no session to go on with" in nothing.stderr) == (1, True)
    assert piped(tmp_path, "", "--cwd", "missing").returncode == 2


def test_markdown_is_drawn_block_by_block() -> None:
    assert split_blocks("one\n\ntwo") == ("one\n\n", "two")
    assert split_blocks("```py\na\n\nb\n") == ("", "```py\na\n\nb\n")
    assert split_blocks("```py\na\n\nb\n```\n\nnext") == ("```py\na\n\nb\n```\n\n", "next")
    assert end_of("```\n1\n2\n3", 2) == "```\n2\n3"


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
    call = {"content": [{"type": "diff", "path": "/p/a", "newText": "\n".join(map(str, range(100)))}]}
    lines = diff_lines(call)
    assert len(lines) == 25
    assert lines[0] == ("@", "/p/a")
    assert "more lines" in lines[-1][1]


def test_only_slash_commands_are_completed() -> None:
    assert completions("/m", ["mode", "model", "help"]) == ["/mode ", "/model "]
    assert completions("m", ["mode"]) == []
