"""A verdict says what was seen: nothing passes by not being there, nothing fails by not being offered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.conformance.catalogue import REQUIREMENTS, chosen
from acp_agent.conformance.profile import bundled
from acp_agent.conformance.running import run_requirements
from tests.conformance.agents import SCRIPTED, agent_of, verdicts

ECHO = """\
match frame.get("method"):
    case "initialize":
        reply(frame, {"protocolVersion": 1})
    case "session/new":
        reply(frame, {"sessionId": "one"})
    case "session/prompt":
        reply(frame, {"stopReason": "end_turn"})
"""


@pytest.mark.parametrize(
    "only", ["tool-call", "permission", "fs", "terminal.released", "prompt.text-arrives"]
)
async def test_an_agent_that_does_nothing_passes_nothing_about_what_it_does(
    only: str, tmp_path: Path
) -> None:
    report = await verdicts(agent_of(ECHO, tmp_path), chosen(only), patience=5)
    assert {item.verdict for item in report.outcomes} == {"inconclusive"}
    assert all(item.reason and item.transcript for item in report.outcomes)
    assert not report.conforms


async def test_what_is_not_advertised_is_not_held_against_an_agent(tmp_path: Path) -> None:
    report = await verdicts(agent_of(ECHO, tmp_path), chosen("load,list,close,modes,config"), patience=5)
    assert {item.verdict for item in report.outcomes} == {"not-advertised"}


async def test_an_agent_that_wants_a_login_is_skipped(tmp_path: Path) -> None:
    code = ECHO.replace(
        'reply(frame, {"sessionId": "one"})',
        'print(json.dumps({"jsonrpc": "2.0", "id": frame["id"],'
        ' "error": {"code": -32000, "message": "log in first"}}), flush=True)',
    )
    report = await verdicts(agent_of(code, tmp_path), chosen("session.new"), patience=5)
    (outcome,) = report.outcomes
    assert (outcome.verdict, outcome.reason) == ("skipped", "`session/new` wants a login: log in first")


async def test_an_agent_that_ends_at_once_fails_and_its_last_words_are_kept(
    tmp_path: Path,
) -> None:
    code = 'sys.exit("no such model")'
    report = await verdicts(agent_of(code, tmp_path), chosen("session.new"), patience=5)
    (outcome,) = report.outcomes
    assert outcome.verdict == "fail"
    assert outcome.reason == "the agent ended with exit code 1: no answer to request 1, `initialize`"
    assert outcome.stderr == "no such model\n"
    assert '"method":"initialize"' in outcome.transcript[0]


async def test_an_agent_that_says_nothing_fails_in_time(tmp_path: Path) -> None:
    report = await verdicts(agent_of("pass", tmp_path), chosen("extension.method"), patience=0.3)
    assert report.outcomes[0].verdict == "fail"


async def test_what_is_known_not_to_be_advertised_starts_no_process(tmp_path: Path) -> None:
    counted = "    case 'initialize':\n        open('" + str(tmp_path / "starts") + "', 'a').write('x')\n"
    code = ECHO.replace('    case "initialize":\n', counted)
    report = await verdicts(agent_of(code, tmp_path), chosen("list,close,load"), patience=5, jobs=1)
    assert {item.verdict for item in report.outcomes} == {"not-advertised"}
    assert (tmp_path / "starts").read_text() == "x"


async def test_an_agent_that_never_stops_talking_is_ended(tmp_path: Path) -> None:
    code = "while True:\n    print('so much to say ' * 20)"
    report = await verdicts(agent_of(code, tmp_path), chosen("session.new"), patience=50)
    assert report.outcomes[0].verdict == "fail"
    assert "the agent was ended after 1" in report.outcomes[0].reason
    assert len(report.outcomes[0].transcript) < 500


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("pass", "no answer to request 1, `initialize` within 2 s"),
        ("print('loading settings', flush=True)", "; what it wrote is no message: b'loading settings'"),
    ],
    ids=["silent", "noisy"],
)
async def test_an_agent_that_never_sends_a_message_is_given_up_after_a_few_checks(
    does: str, told: str, tmp_path: Path
) -> None:
    report = await verdicts(agent_of(does, tmp_path), chosen("extension"), patience=2, jobs=4)
    assert any(item.reason.endswith(told) for item in report.outcomes[:4])
    assert [item.verdict for item in report.outcomes[:4]] == ["fail"] * 4
    assert {item.verdict for item in report.outcomes[5:]} == {"inconclusive"}
    assert "the agent sent no message" in report.outcomes[-1].reason
    assert not report.conforms


async def test_the_whole_run_is_bounded_and_what_is_left_is_no_verdict(tmp_path: Path) -> None:
    # It answers `initialize` and nothing more, and would be waited for 60 seconds for each answer.
    code = ECHO.replace('reply(frame, {"sessionId": "one"})', "pass")
    report = await run_requirements(
        agent_of(code, tmp_path), SCRIPTED, chosen("session"), jobs=2, patience=60, time_limit=1
    )
    reasons = {item.reason for item in report.outcomes}
    assert {item.verdict for item in report.outcomes} <= {"inconclusive", "not-advertised"}
    assert "not finished: the 1 s for the whole run were up" in reasons
    assert "not tried: the 1 s for the whole run were up" in reasons


async def test_a_program_that_is_not_there_is_skipped() -> None:
    report = await verdicts(["no-such-program-anywhere"], chosen("session.new"), patience=5)
    assert report.outcomes[0].verdict == "skipped"
    assert not report.conforms


async def test_each_check_has_a_home_and_a_folder_of_its_own(tmp_path: Path) -> None:
    code = ECHO.replace(
        'reply(frame, {"sessionId": "one"})',
        "import os, pathlib\n"
        "        assert os.listdir(os.environ['HOME']) == ['tmp'] and os.listdir() == []\n"
        "        pathlib.Path.home().joinpath('x').touch(); open('x', 'w').close()\n"
        '        reply(frame, {"sessionId": "one"})',
    )
    report = await verdicts(agent_of(code, tmp_path), chosen("session.new,prompt.stop-reason"), patience=5)
    assert [item.verdict for item in report.outcomes] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("profile", "only"),
    [
        (
            "acp-agent",
            "tool-call,permission.allowed,permission.rejected,config.each-session,load.same-as-live",
        ),
        ("acp-agent", "archive.hidden,title.set,status.saved,providers.set,mcp.sse,terminal.released"),
        ("acp-agent", "plan,usage,elicitation.accepted,mcp.visible-to-model,fork.goes-on"),
        ("acp-agent-anthropic", "tool-call.announced,permission.allowed,prompt.failure-told"),
    ],
)
async def test_our_own_agent_keeps_what_it_must(profile: str, only: str) -> None:
    command = [sys.executable, "-m", "acp_agent"]
    report = await run_requirements(command, bundled()[profile], chosen(only, "SHOULD"), jobs=4)
    assert [(item.id, item.verdict, item.reason) for item in report.outcomes if item.verdict != "pass"] == []


def test_requirements_are_chosen_by_id_area_alias_and_level() -> None:
    assert [item.id for item in chosen("session.new")] == ["session.new"]
    assert {item.area for item in chosen("load, cancel")} == {"load", "cancel"}
    assert [item.id for item in chosen("ACP-SESSION-001")] == ["session.new"]
    assert {item.level for item in chosen(level="SHOULD")} == {"MUST", "SHOULD"}
    assert chosen() == REQUIREMENTS
    with pytest.raises(ConfigError, match="no requirement `nonsense`"):
        chosen("nonsense")
