"""The client side: each requirement is caught in a defective client, and correct ones keep them all."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from acp_agent.cli.main import main
from acp_agent.conformance.clients.requirements import CLIENT_REQUIREMENTS, ClientRequirement
from acp_agent.conformance.clients.running import agent_command, run_client_requirements
from acp_agent.conformance.report import Outcome, Report

pytestmark = pytest.mark.timeout(600)  # some dozens of processes, started by the first test of this module

HERE = Path(__file__).parent
REFERENCE = [sys.executable, "-S", "-E", str(HERE / "reference_client.py")]
HANGING = {"client.ends", "client.failed-prompt", "client.ended-agent"}

INEVITABLE: dict[str, set[str]] = {
    "framing": {"client.schema"},
    "initialize-first": {"client.schema"},
    "ids-unique": {"client.schema"},
    "answers-once": {"client.schema"},
    "permission": {"client.schema"},
    "form": {"client.schema"},
    "file-write": {"client.schema"},
    "ends": {"client.closes-stdin"},
    "names-its-session": {"client.permission", "client.answers-once"},
}
"""What else a client with the defect cannot do right."""


def failed(report: Report) -> set[str]:
    return {item.id for item in report.outcomes if item.verdict == "fail"}


def is_caught(defect: str, report: Report) -> bool:
    found = failed(report)
    return defect in found and found - {defect} <= INEVITABLE.get(defect.removeprefix("client."), set())


def unkept(report: Report) -> list[tuple[str, str, str]]:
    return [(item.id, item.verdict, item.reason) for item in report.outcomes if item.verdict != "pass"]


def of_part(defect: ClientRequirement) -> tuple[ClientRequirement, ...]:
    """The requirements judged by the play in which the defect shows; surprises come one after another."""
    if defect.part == "surprises":
        return (defect,)
    return tuple(item for item in CLIENT_REQUIREMENTS if item.part == defect.part)


async def _judge_all() -> dict[str, Report]:
    reports: dict[str, Report] = {}
    limiter = anyio.CapacityLimiter(16)  # most of the time they wait for what a defect keeps from coming

    async def judge(item: ClientRequirement) -> None:
        name = item.id.removeprefix("client.")
        patience = 2.0 if item.id in HANGING or item.part == "surprises" else 8.0
        async with limiter:
            command = [*REFERENCE, "--defect", name]
            report = await run_client_requirements(command, of_part(item), patience=patience)
            if not is_caught(item.id, report):  # perhaps by a machine that is busy with something else
                report = await run_client_requirements(command, of_part(item), patience=5 * patience)
            reports[item.id] = report

    async with anyio.create_task_group() as tasks:
        for item in CLIENT_REQUIREMENTS:
            tasks.start_soon(judge, item)
    return reports


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return anyio.run(_judge_all)


@pytest.mark.parametrize("defect", [item.id for item in CLIENT_REQUIREMENTS])
def test_the_defect_is_caught_by_the_requirement_named_for_it(
    defect: str, reports: dict[str, Report]
) -> None:
    assert is_caught(defect, reports[defect]), unkept(reports[defect])


async def test_a_correct_client_passes_everything_and_nothing_is_vacuous() -> None:
    told: list[Outcome] = []
    report = await run_client_requirements(REFERENCE, on_outcome=told.append)
    assert unkept(report) == []
    assert tuple(told) == report.outcomes
    assert (report.agent, report.agent_version, report.profile) == ("reference", "1.0", "client")


async def test_a_client_made_with_the_official_sdk_keeps_all_it_offers() -> None:
    tried = [item for item in CLIENT_REQUIREMENTS if item.part in ("everything", "surprises", "uninvited")]
    report = await run_client_requirements([sys.executable, str(HERE / "sdk_client.py")], tried)
    assert {
        (item.id.partition("-")[0], item.verdict) for item in report.outcomes if item.verdict != "pass"
    } == {
        ("client.terminal", "not-advertised"),
        ("client.form", "not-advertised"),
    }


async def test_our_own_clients_keep_all_they_offer() -> None:
    agent = [sys.executable, "-m", "acp_agent"]
    live = [item for item in CLIENT_REQUIREMENTS if item.part in ("everything", "surprises")]
    for command, tried in (
        (["prompt", "--agent", "{agent}", "hello"], CLIENT_REQUIREMENTS),
        (["chat", "--"], live),
    ):
        report = await run_client_requirements([*agent, *command], tried)
        assert failed(report) == set()
        assert {item for item in unkept(report) if item[1] == "inconclusive"} <= {
            (
                "client.form",
                "inconclusive",
                "the client did not ask: nobody is at the terminal; ask in the answer",
            )
        }


async def test_a_client_that_does_nothing_is_not_judged() -> None:
    report = await run_client_requirements([sys.executable, "-c", "exit('no such module')"], patience=60)
    assert {item.verdict for item in report.outcomes} == {"inconclusive"}
    assert all("ended with exit code 1" in item.reason for item in report.outcomes)
    assert {item.stderr for item in report.outcomes} == {"no such module\n"}
    assert not report.conforms


def test_the_agent_to_start_is_put_where_the_command_says_or_behind_it(tmp_path: Path) -> None:
    behind = agent_command(["my-client", "--fast"], tmp_path / "log", "everything")
    inside = agent_command(["my-client", "--agent={agent}"], tmp_path / "log", "everything")
    assert behind[:2] == ["my-client", "--fast"]
    assert behind[-2:] == [str(tmp_path / "log"), "everything"]
    assert inside[0] == "my-client"
    assert inside[1].startswith("--agent=")
    assert inside[1].endswith(f"{tmp_path / 'log'} everything")


def test_the_command_tries_a_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.md"
    line = ["conformance", "--client", "--only", "client.framing", "--markdown", str(page), "--"]
    assert main([*line, *REFERENCE]) == 0
    assert "reference 1.0 conforms" in capsys.readouterr().out
    assert "client.framing" in page.read_text(encoding="utf-8")
    assert main(["conformance", "--client"]) == 3
    assert "no client to try" in capsys.readouterr().err
