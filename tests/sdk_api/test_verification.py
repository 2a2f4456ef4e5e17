"""Verification of sessions, by the items of the library's list that it is."""

from __future__ import annotations

import inspect
import json
import sys

import pytest

from acp_agent import FileSessionStore, MemorySessionStore, VerificationCommand, tool
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.blocking.aids import BlockingAids
from acp_agent.sdk.embed.errors import ConfigInvalid, SessionClosed
from acp_agent.sdk.embed.sessions.memory import SessionMemory
from acp_agent.sdk.embed.sessions.verification import SessionVerification
from tests.sdk_api.conftest import Home

OK = VerificationCommand(id="ok", kind="test", description="it works", command="echo fine")
BAD = {"id": "bad", "kind": "lint", "command": "echo broken && exit 3", "required": False}


def test_item_099_a_result_says_what_was_verified_while_it_ran(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    result = session.send("hi")
    assert (result.verification_status, result.verification_report_count) == ("skipped", 0)
    assert result.verification_summary_text == "Verification: skipped (nothing was verified)"

    @tool(read_only=True)
    def judge() -> str:
        """Judge the work."""
        check = {"id": "a", "kind": "test", "description": "it works", "status": "failed"}
        session.record_verification_reports([{"subject": "app", "checks": [check]}])
        return "judged"

    script = ScriptedProvider("say: ok\nwhen: judge\ncall: judge {}\n---\nsay: done")
    session = agent.session(home.workspace, llm_client=script, tools=[judge])
    stream = session.stream("judge")
    events = list(stream)
    (told,) = (event for event in events if event.event_type == "verification_report")
    assert (told.data["subject"], told.data["status"]) == ("app", "failed")
    assert str(events[-1].verification_summary_text).startswith("Verification: failed")
    result = stream.result()
    assert (result.verification_status, result.failed_verification_count) == ("failed", 1)
    assert (result.pending_verification_count, result.verification_report_count) == (0, 1)
    assert json.loads(result.verification_summary_json)["status"] == "failed"
    assert session.send("hi").verification_status == "skipped"


@pytest.mark.skipif(sys.platform == "win32", reason="written for a POSIX shell")
def test_item_099_commands_are_run_in_the_folder_without_asking(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    report = session.verify_commands("app", [OK, BAD, {"id": "here", "command": "cat notes.txt"}])
    assert (report.subject, report.status, report.schema) == ("app", "passed", "a3s.verification_report.v1")
    assert [(check.id, check.status, check.exit_code) for check in report.checks] == [
        ("ok", "passed", 0),
        ("bad", "failed", 3),
        ("here", "passed", 0),
    ]
    assert "broken" in report.checks[1].output
    assert report.checks[2].output == "remember the milk\n"
    assert session.verify_commands("app", [{"id": "x", "command": "exit 1"}]).status == "failed"
    assert session.verify_commands("nothing", []).status == "skipped"
    slow = session.verify_commands("slow", [{"id": "s", "command": "sleep 60", "timeout_ms": 50}])
    assert (slow.status, slow.checks[0].exit_code) == ("failed", None)
    assert [one.subject for one in session.verification_reports()] == ["app", "app", "nothing", "slow"]
    summary = session.verification_summary()
    assert (summary.status, summary.report_count, summary.failed_count) == ("failed", 3, 2)
    assert session.verification_summary_text().splitlines()[0] == (
        "Verification: failed (0 passed, 2 failed, 0 not run)"
    )


def test_item_099_reports_from_elsewhere_are_judged_by_their_checks(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    pending = {"id": "ui", "kind": "manual", "description": "looks right", "status": "pending"}
    session.record_verification_reports([{"subject": "ui", "status": "passed", "checks": [pending]}])
    session.record_verification_reports([{"subject": "docs", "residual_risks": ["nobody read them"]}])
    assert [report.status for report in session.verification_reports()] == ["needs_review", "needs_review"]
    with pytest.raises(ConfigInvalid, match="subject"):
        session.record_verification_reports([{}])
    with pytest.raises(ConfigInvalid, match="command"):
        session.verify_commands("x", [{"id": "y"}])
    session.close()
    with pytest.raises(SessionClosed):
        session.verify_commands("x", [])
    assert len(session.verification_reports()) == 2


@pytest.mark.parametrize("store", ["files", "memory"])
def test_item_099_reports_are_saved_with_the_session_and_there_when_it_is_resumed(
    home: Home, model: ScriptedProvider, store: str
) -> None:
    kept = FileSessionStore(home.store) if store == "files" else MemorySessionStore()
    with Agent.create({}, env=home.env) as agent:
        for name, prompted in (("spoken", True), ("silent", False)):
            session = agent.session(home.workspace, llm_client=model, session_id=name, session_store=kept)
            if prompted:
                session.send("hi")
            session.verify_commands("app", [OK])
            session.save()
            session.close()
    with Agent.create({}, env=home.env) as agent:
        for name in ("spoken", "silent"):
            resumed = agent.resume_session(name, session_store=kept, llm_client=model)
            (report,) = resumed.verification_reports()
            assert (report.subject, resumed.verification_summary().status) == ("app", "passed")
            assert resumed.send("hi").text == "Hello! You said hi"
            assert len(model.requests[-1].messages) == (3 if name == "spoken" else 1)


def test_item_099_the_usual_commands_are_told_by_the_files_of_the_project(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    (home.workspace / "go.mod").write_text("module x\n", encoding="utf-8")
    (preset,) = agent.session(home.workspace, llm_client=model).verification_presets()
    assert (preset.name, preset.found, preset.commands[-1].command) == ("go", "go.mod", "go test ./...")


async def test_item_099_the_same_in_async_code(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    assert await session.verification_presets() == []
    assert (await session.verify_commands("app", [OK])).status == "passed"
    await session.record_verification_reports(session.verification_reports())
    assert session.verification_summary_text().startswith("Verification: passed")


def test_item_099_a_session_without_a_shell_verifies_nothing_and_says_so(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    (home.folder / "agents").mkdir()
    reader = "---\nname: reader\ndescription: Reads.\ntools: read\n---\nRead."
    (home.folder / "agents" / "reader.md").write_text(reader, encoding="utf-8")
    session = agent.session_for_agent(
        home.workspace, "reader", [home.folder / "agents"], {"llm_client": model}
    )
    report = session.verify_commands("app", [OK])
    assert (report.status, report.checks[0].status) == ("needs_review", "pending")
    assert "there is no tool `bash`" in report.residual_risks[0]


def test_blocking_and_async_sessions_have_the_same_methods() -> None:
    for kind in (SessionMemory, SessionVerification):
        for name, method in vars(kind).items():
            if name.startswith("_"):
                continue
            twin = vars(BlockingAids)[name]
            if isinstance(method, property):
                assert isinstance(twin, property)
                continue
            assert inspect.signature(method).parameters == inspect.signature(twin).parameters, name
