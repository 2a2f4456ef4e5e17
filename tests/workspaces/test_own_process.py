"""Other processes do not read the keys in ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment in files")

PROGRAM = """
import ctypes, os, sys
from acp_agent.workspaces.own_process import deny_inspection
if sys.argv[1] == "private":
    deny_inspection()
print(os.environ["MY_API_KEY"], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("how", "dumpable"), [("open", "1"), ("private", "0")])
def test_the_environment_shows_no_secrets_and_the_process_still_has_them(how, dumpable):
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "MY_API_KEY": "hunter2", "GREETING": "hello"},
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline().split() == ["hunter2", dumpable]
        shown = _environment(child.pid)
        child.communicate("")
    assert ("MY_API_KEY=hunter2" in shown) == (how == "open")
    if how == "private" and os.geteuid() != 0:
        assert shown == "not to be read"
    else:
        assert "GREETING=hello" in shown


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(encoding="utf-8")
    except PermissionError:
        return "not to be read"
