"""The suite inside pytest: a test for each requirement, and nothing at all without the option."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.conformance.agents import agent_of

PLUGIN = "acp_agent.conformance.pytest_plugin"
AGENT = """\
match frame.get("method"):
    case "initialize":
        reply(frame, {"protocolVersion": 1})
    case "session/new":
        reply(frame, {"sessionId": "one" if frame["id"] == 2 else "two"})
    case "session/prompt":
        reply(frame, {"stopReason": "end_turn"})
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    flags = ["-q", "-p", "no:cacheprovider", "--junitxml=out.xml", *options]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--noconftest", "-c", "empty.ini", *flags],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_each_requirement_is_a_test_with_an_honest_result(tmp_path: Path) -> None:
    (tmp_path / "empty.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    *python, file = agent_of(AGENT, tmp_path)
    command = " ".join([*python, Path(file).name])  # as somebody who is in its folder writes it
    only = "session.new,session.absolute-cwd,session.unknown,load.unknown,tool-call.title"
    # An installed package is found by pytest itself; a checkout need not be installed to run this.
    plugin = [] if is_registered() else ["-p", PLUGIN]
    done = run(tmp_path, *plugin, f"--acp-agent={command}", "--acp-profile=scripted", f"--acp-only={only}")
    assert done.returncode == 1, done.stdout + done.stderr
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "out.xml").iter("testcase")}
    skipped = {name: case.find("skipped") for name, case in cases.items()}
    told = {name: item.get("message") or "" for name, item in skipped.items() if item is not None}
    assert set(cases) == {"test_own", *only.split(",")}
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["session.unknown"]
    assert told.pop("session.absolute-cwd").startswith("quality: a relative `cwd`")
    assert told.pop("load.unknown").startswith("not-advertised: `agentCapabilities.loadSession`")
    assert told.pop("tool-call.title").startswith("inconclusive: ")
    assert told == {}
    assert "SHOULD session.unknown: A prompt to a session that does not exist is an error." in done.stdout


def test_a_wrong_option_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.ini").write_text("[pytest]\n", encoding="utf-8")
    plugin = [] if is_registered() else ["-p", PLUGIN]
    done = run(tmp_path, *plugin, "--acp-agent=no-such-program-anywhere")
    assert done.returncode == 4
    assert "`no-such-program-anywhere` is no program; check the command" in done.stdout + done.stderr


def test_without_the_option_pytest_loads_nothing_more() -> None:
    code = f"import sys, pytest; had = set(sys.modules); import {PLUGIN}; print(*{{*sys.modules}} - had)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in loaded if not name.startswith("acp_agent")] == []
    assert sorted(loaded) == ["acp_agent", "acp_agent.conformance", PLUGIN]


def is_registered() -> bool:
    """Whether the installed package announces the plugin."""
    from importlib.metadata import entry_points

    return any(item.value == PLUGIN for item in entry_points(group="pytest11"))
