"""What checks amount to, what is usually checked, and `/verify`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.engine.verification.presets import PYTHON, presets_of
from acp_agent.engine.verification.status import report_on, reports_in, status_of, summary_of, summary_text
from acp_agent.engine.verification.verifying import MAX_OUTPUT, Ran, verify
from acp_agent.model import events
from acp_agent.model.chat import FromUser
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolOutcome, failed, succeeded
from acp_agent.model.verification import Check, CheckStatus, Report, VerificationCommand, VerificationSummary
from acp_agent.workspaces.local import LocalWorkspace
from tests.engine.conftest import Stage, Tool, Workspace, open_stage

STATUSES: st.SearchStrategy[CheckStatus] = st.sampled_from(["passed", "failed", "pending"])
CHECKS = st.lists(
    st.builds(
        Check,
        id=st.just("id"),
        kind=st.just("test"),
        description=st.just("it works"),
        status=STATUSES,
        required=st.booleans(),
        residual_risk=st.none() | st.just("slow machines"),
    ),
    max_size=5,
)


def check(status: CheckStatus, *, required: bool = True, risk: str | None = None) -> Check:
    return Check(
        id="id", kind="test", description="it works", status=status, required=required, residual_risk=risk
    )


# What checks amount to


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], "skipped"),
        ([check("passed")], "passed"),
        ([check("passed"), check("failed")], "failed"),
        ([check("pending"), check("failed")], "failed"),
        ([check("passed"), check("pending")], "needs_review"),
        ([check("passed", risk="slow machines")], "needs_review"),
        ([check("failed", risk="slow machines")], "failed"),
        ([check("failed", required=False)], "passed"),
        ([check("pending", required=False)], "passed"),
    ],
)
def test_the_status_of_checks(checks: list[Check], status: str) -> None:
    assert status_of(checks) == status


@given(CHECKS, st.lists(st.just("a risk"), max_size=1))
def test_every_set_of_checks_has_the_status_the_rule_gives(checks: list[Check], risks: list[str]) -> None:
    required = {one.status for one in checks if one.required}
    report = report_on("all", checks, risks)
    assert (report.status == "failed") == ("failed" in required)
    uncertain = bool(report.residual_risks) or "pending" in required
    assert (report.status == "needs_review") == ("failed" not in required and uncertain)
    assert (report.status == "skipped") == (not checks and not risks)


@given(st.lists(st.tuples(st.sampled_from("abc"), CHECKS), max_size=5))
def test_a_summary_counts_the_last_report_of_each_subject(made: list[tuple[str, list[Check]]]) -> None:
    reports = [report_on(subject, checks) for subject, checks in made]
    summary = summary_of(reports)
    latest = {report.subject: report for report in reports}
    counted = summary.passed_count + summary.failed_count + summary.pending_count
    assert summary.report_count == len(latest)
    assert counted == summary.check_count == sum(len(report.checks) for report in latest.values())
    assert (summary.status == "failed") == any(report.status == "failed" for report in latest.values())
    assert summary_text(reports).startswith(f"Verification: {summary.status}")


def test_a_summary_can_be_read() -> None:
    lint = Check(
        id="l",
        kind="lint",
        description="no lint",
        status="failed",
        required=False,
        exit_code=2,
        command="lint",
    )
    text = summary_text([report_on("app", [check("passed"), lint], ["only on Linux"])])
    assert text.splitlines() == [
        "Verification: needs_review (1 passed, 1 failed, 0 not run)",
        "app: needs_review",
        "- it works (test): ok",
        "- no lint (lint, optional): FAILED, exit code 2",
        "risk: only on Linux",
    ]
    assert summary_text([]) == "Verification: skipped (nothing was verified)"
    assert summary_of([]) == VerificationSummary(status="skipped")


async def test_commands_are_run_one_after_another_whatever_the_ones_before_came_to() -> None:
    ran: list[str] = []

    async def run(command: VerificationCommand) -> Ran:
        ran.append(command.command)
        match command.id:
            case "ok":
                return Ran(exit_code=0, output="x" * 5_000 + "end", evidence=("call:1",))
            case "bad":
                return Ran(exit_code=3, output="boom")
            case "killed":
                return Ran(output="(timed out)")
            case _:
                return Ran(refused="the user said no")

    commands = [VerificationCommand(id=name, command=f"run {name}") for name in ("ok", "bad", "killed", "no")]
    report = await verify("app", commands, run)
    assert ran == ["run ok", "run bad", "run killed", "run no"]
    assert [one.status for one in report.checks] == ["passed", "failed", "failed", "pending"]
    assert (report.status, report.schema) == ("failed", "a3s.verification_report.v1")
    ok, bad, killed, no = report.checks
    assert (len(ok.output), ok.output[-3:], ok.evidence_uris) == (MAX_OUTPUT, "end", ("call:1",))
    assert (bad.exit_code, killed.exit_code, bad.description) == (3, None, "run bad")
    assert (no.suggested_tools, no.residual_risk) == (("bash",), "`run no` was not run: the user said no")
    assert report.residual_risks == ("`run no` was not run: the user said no",)


# What is usually checked


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({}, []),
        ({"Cargo.toml": ""}, ["cargo fmt --check", "cargo check --all-targets", "cargo test"]),
        ({"go.mod": ""}, ["go build ./...", "go vet ./...", "go test ./..."]),
        ({"package.json": "{}"}, []),
        ({"package.json": "not json"}, []),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, []),
        (
            {"package.json": '{"scripts": {"test": "vitest", "lint": "eslint .", "start": "x"}}'},
            ["npm run lint", "npm run test"],
        ),
        (
            {"package.json": '{"scripts": {"build": "tsc"}}', "pnpm-lock.yaml": ""},
            ["pnpm run build"],
        ),
        ({"pyproject.toml": "[project]\n"}, []),
        (
            {"pyproject.toml": "[tool.ruff]\n[tool.mypy]\n[tool.pyright]\n[tool.pytest.ini_options]\n"},
            ["ruff check .", "mypy .", "pyright", f"{PYTHON} -m pytest"],
        ),
        ({"pyproject.toml": "[project]\n", "tests/test_a.py": ""}, [f"{PYTHON} -m pytest"]),
        (
            {"Cargo.toml": "", "package.json": '{"scripts": {"test": "x"}}'},
            ["cargo fmt --check", "cargo check --all-targets", "cargo test", "npm run test"],
        ),
    ],
)
async def test_presets_are_told_by_the_files_of_a_project(
    tmp_path: Path, files: dict[str, str], commands: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    presets = await presets_of(LocalWorkspace((tmp_path,)))
    assert [command.command for preset in presets for command in preset.commands] == commands
    assert len({command.id for preset in presets for command in preset.commands}) == len(commands)
    assert all(preset.found in files for preset in presets)


# `/verify`


class Project(Workspace):
    """A directory of a Go project, as far as its names go."""

    async def list_dir(self, path: Path) -> list[ports.FileEntry]:
        return [ports.FileEntry("go.mod", is_dir=False)]


def shell(*, failing: str = "nothing") -> Tool:
    async def work(args: JsonObject, _context: ports.ToolContext) -> ToolOutcome:
        command = str(args["command"])
        code = int(failing in command)
        conclude = failed if code else succeeded
        return conclude(f"ran {command}", raw_output={"exit_code": code})

    return Tool("bash", "execute", work)


async def verified(stage: Stage, text: str = "/verify") -> str:
    stage.session.workspace = Project(*stage.session.workspace.roots)
    await stage.prompt(text)
    (*_, answered) = stage.host.of(events.CommandAnswered)
    assert isinstance(answered, events.CommandAnswered)
    return answered.text


def reports(stage: Stage) -> list[Report]:
    return reports_in(stage.host.told)


async def test_the_projects_commands_are_asked_about_run_and_shown() -> None:
    async with open_stage("say: ok", shell()) as stage:
        said = await verified(stage)
        assert said.splitlines() == [
            "**Verification of `engine`: passed**",
            "",
            "- ✓ Go code compiles: `go build ./...` passed",
            "- ✓ `go vet` finds nothing: `go vet ./...` (optional) passed",
            "- ✓ Go tests pass: `go test ./...` passed",
        ]
        assert [request.call.title for request in stage.host.asked] == ["Use bash"] * 3
        shown = {event.call_id for event in stage.host.told if isinstance(event, events.CallShown)}
        assert len(shown) == 3
        (report,) = reports(stage)
        assert (report.subject, report.status) == ("engine", "passed")
        evidence = {uri for one in report.checks for uri in one.evidence_uris}
        assert evidence == {f"call:{call_id}" for call_id in shown}


async def test_a_check_that_fails_is_told_with_its_exit_code() -> None:
    async with open_stage("say: ok", shell(failing="test")) as stage:
        said = await verified(stage)
        assert ": failed**" in said
        assert said.splitlines()[-1] == "- ✗ Go tests pass: `go test ./...` failed, exit code 1"


async def test_what_the_user_refuses_is_not_run_and_somebody_has_to_look() -> None:
    tool = shell()
    async with open_stage("say: ok", tool) as stage:
        stage.host.decision = "reject_once"
        said = await verified(stage)
        assert (tool.runs, ": needs_review**" in said) == ([], True)
        assert said.splitlines()[-1] == "- ○ Go tests pass: `go test ./...` was not run"


async def test_rules_and_modes_hold_for_verifying_too() -> None:
    tool = shell()
    rules = Rules(deny=(parse_rule("Bash"),))
    async with open_stage("say: ok", tool, defaults=Defaults("scripted/script", rules=rules)) as stage:
        assert "needs_review" in await verified(stage)
        assert (tool.runs, stage.host.asked) == ([], [])
    async with open_stage("say: ok", tool, defaults=Defaults("scripted/script", mode="plan")) as stage:
        assert "needs_review" in await verified(stage)
        assert (tool.runs, stage.host.asked) == ([], [])


async def test_one_kind_of_check_can_be_chosen() -> None:
    tool = shell()
    async with open_stage("say: ok", tool) as stage:
        await verified(stage, "/verify test")
        assert [args["command"] for args in tool.runs] == ["go test ./..."]
        said = await verified(stage, "/verify spelling")
        assert said == "`spelling` is no kind of check here. There are: `build`, `lint`, `test`."


async def test_a_project_of_no_known_kind_has_nothing_to_verify() -> None:
    class Empty(Project):
        async def list_dir(self, path: Path) -> list[ports.FileEntry]:
            return []

    async with open_stage("say: ok", shell()) as stage:
        stage.session.workspace = Empty(*stage.session.workspace.roots)
        await stage.prompt("/verify")
        (answered,) = stage.host.of(events.CommandAnswered)
        assert "There is nothing to verify" in str(answered)
        assert reports(stage) == []


async def test_the_model_never_hears_of_it_and_the_report_is_stored() -> None:
    async with open_stage("say: ok", shell()) as stage:
        await verified(stage)
        stored = reports_in(await stage.stored())
        assert stored == reports(stage)
        again = await stage.reopen()
        await again.prompt("hello")
        assert stage.provider.requests[-1].messages == (FromUser((Text("hello"),)),)
        assert reports_in(await again.stored()) == stored
