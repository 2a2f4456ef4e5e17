"""`acp-agent chat` on a pseudo-terminal, and what its agent's model says."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

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

PATIENCE = 40.0
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

    def wait_for_raw(self, text: str) -> str:
        """Everything that was written to the terminal until this text was, escapes included."""
        end = time.monotonic() + PATIENCE
        while text not in self._seen:
            assert self._read(end), f"never shown: {text!r} in {self._seen!r}"
        return self._seen

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
