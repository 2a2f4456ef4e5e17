"""Reports hold what was found, in every format, and nothing an agent says gets out of its place."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.cli.conformance import as_changes, as_text
from acp_agent.cli.main import main
from acp_agent.cli.style import Style
from acp_agent.conformance.comparing import Change, changes
from acp_agent.conformance.report import Outcome, Report, read_report
from acp_agent.conformance.reports.as_badge import as_badge, as_badge_json
from acp_agent.conformance.reports.as_html import as_html
from acp_agent.conformance.reports.as_json import as_json
from acp_agent.conformance.reports.as_junit import as_junit
from acp_agent.conformance.reports.as_markdown import as_markdown
from acp_agent.conformance.reports.as_matrix import as_matrix
from acp_agent.conformance.requirement import Level
from acp_agent.conformance.verdicts import Verdict
from tests.conformance.agents import agent_of, reference

EVIL = "</pre><script>alert(1)</script> | ]]> \x00\x1b[31m"


def outcome(id: str, level: Level, verdict: Verdict, reason: str = "") -> Outcome:
    return Outcome(
        id=id,
        level=level,
        text="It does.",
        section="Prompt turn",
        version="v1",
        aliases=("ACP-X-001",),
        verdict=verdict,
        reason=reason,
        seconds=0.5,
        transcript=(f"  0.000 < {EVIL}",) if verdict == "fail" else (),
        stderr=EVIL if verdict == "fail" else "",
    )


REPORT = Report(
    agent="some<agent>",
    agent_version="1.2",
    command="some --agent",
    profile="generic",
    suite_version="0.1",
    began_at="2026-11-21T10:00:00+00:00",
    seconds=3.5,
    outcomes=(
        outcome("a.good", "MUST", "pass"),
        outcome("a.bad", "MUST", "fail", EVIL),
        outcome("b.ugly", "quality", "fail", "not nice"),
        outcome("b.unseen", "SHOULD", "inconclusive", "saw nothing"),
        outcome("c.no", "MAY", "not-advertised", "no"),
    ),
)


def test_the_headline_counts_what_was_not_judged_too() -> None:
    assert REPORT.headline == "1 pass, 2 fail, 1 inconclusive, 1 not-advertised"


def test_only_binding_failures_count_against_an_agent() -> None:
    def of(*outcomes: Outcome) -> bool:
        return msgspec.structs.replace(REPORT, outcomes=outcomes).conforms

    good, bad, ugly, unseen, no = REPORT.outcomes
    assert of(good, ugly, unseen, no)
    assert not of(good, bad)
    assert not of(unseen, no)
    easy = msgspec.structs.replace(good, level="quality")
    assert of(easy)
    assert not of(easy, unseen)  # nothing that binds was seen to be kept


def test_what_was_not_judged_of_a_must_is_told_beside_the_verdict() -> None:
    good, _, _, unseen, _ = REPORT.outcomes
    partial = msgspec.structs.replace(REPORT, outcomes=(good, msgspec.structs.replace(unseen, level="MUST")))
    whole = msgspec.structs.replace(REPORT, outcomes=(good, unseen))
    assert as_text(partial, Style(enabled=False)).endswith(" conforms as far as it was judged\n")
    assert as_text(whole, Style(enabled=False)).endswith(" conforms\n")


def test_json_is_read_back_the_same(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(as_json(REPORT), encoding="utf-8")
    assert read_report(file) == REPORT
    with pytest.raises(ConfigError, match="cannot read the report"):
        read_report(tmp_path / "none.json")


def test_junit_fails_what_is_binding_and_skips_the_rest_with_its_reason() -> None:
    suite = ElementTree.fromstring(as_junit(REPORT).partition("?>")[2])
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "3")
    inside = {case.get("name"): [child.tag for child in case] for case in suite}
    assert inside == {
        "a.good": [],
        "a.bad": ["failure", "system-err"],
        "b.ugly": ["skipped"],
        "b.unseen": ["skipped"],
        "c.no": ["skipped"],
    }


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href"}, "the page needs something else"


def test_the_page_stands_alone_and_shows_what_the_agent_said_as_text() -> None:
    page = as_html(REPORT)
    tags = Tags()
    tags.feed(page)
    assert (tags.found.count("script"), tags.found.count("article")) == (1, 5)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_markdown_has_a_row_for_each_requirement() -> None:
    page = as_markdown(REPORT)
    rows = [line for line in page.splitlines() if line.startswith(("| a.", "| b.", "| c."))]
    assert len(rows) == 5
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)


def test_the_terminal_says_what_did_not_pass_and_why() -> None:
    text = as_text(REPORT, Style(enabled=False))
    assert "a.good" not in text
    assert "inconclusive    saw nothing\n                b.unseen\n" in text
    assert text.endswith("some<agent> 1.2 does not conform\n")


def test_the_terminal_says_the_same_reason_once_and_ends_with_the_failures() -> None:
    unseen = [outcome(f"a.unseen-{number}", "MUST", "inconclusive", "saw nothing") for number in range(20)]
    report = msgspec.structs.replace(REPORT, outcomes=(*REPORT.outcomes, *unseen))
    text = as_text(report, Style(enabled=False))
    assert text.count("saw nothing") == 1
    assert max(len(line) for line in text.splitlines() if "a.unseen" in line) <= 100
    assert text.index("a.unseen-19") < text.index("fail            MUST     a.bad")


def test_nothing_an_agent_says_acts_on_the_terminal() -> None:
    report = msgspec.structs.replace(REPORT, agent=EVIL)
    assert "\x1b" not in as_text(report, Style(enabled=False))


def test_the_terminal_ends_with_the_last_words_of_an_agent_that_did_nothing_right() -> None:
    broken = outcome("a.bad", "MUST", "fail", "the agent ended with exit code 3")
    report = msgspec.structs.replace(
        REPORT, outcomes=(msgspec.structs.replace(broken, stderr="line one\nno such\x1b[31m model\n"),)
    )
    assert "The agent's stderr:\n  line one\n  no such[31m model\n" in as_text(report, Style(enabled=False))
    assert "line one" not in as_text(
        msgspec.structs.replace(report, outcomes=(*report.outcomes, REPORT.outcomes[0])), Style(enabled=False)
    )


def test_a_remark_on_what_passed_is_shown_everywhere() -> None:
    report = msgspec.structs.replace(REPORT, outcomes=(outcome("a.quick", "quality", "pass", "in 12 ms"),))
    for shown in (
        as_text(report, Style(enabled=False)),
        as_markdown(report),
        as_html(report),
        as_junit(report),
    ):
        assert "in 12 ms" in shown


def test_a_label_is_what_reports_call_the_agent() -> None:
    report = msgspec.structs.replace(REPORT, label="The example of a kit, 3.1")
    assert REPORT.name == "some<agent> 1.2"
    assert msgspec.structs.replace(REPORT, agent="", agent_version="").name == "some --agent"
    for shown in (
        as_text(report, Style(enabled=False)),
        as_markdown(report),
        as_html(report),
        as_junit(report),
    ):
        assert "The example of a kit, 3.1" in shown


def of(*verdicts: tuple[Level, Verdict]) -> Report:
    """A report with these outcomes."""
    found = [outcome(f"a.{number}", *verdict) for number, verdict in enumerate(verdicts)]
    return msgspec.structs.replace(REPORT, outcomes=tuple(found))


@pytest.mark.parametrize(
    ("report", "message", "color"),
    [
        (of(("MUST", "pass"), ("SHOULD", "pass"), ("quality", "fail")), "2 kept", "#2a7a3b"),
        (
            of(("MUST", "pass"), ("MUST", "inconclusive"), ("SHOULD", "skipped")),
            "1 kept, 2 unseen",
            "#2a7a3b",
        ),
        (of(("MUST", "pass"), ("SHOULD", "fail")), "1 kept, 1 broken", "#a70"),
        (of(("MUST", "fail"), ("SHOULD", "not-advertised")), "1 broken", "#c33"),
        (of(("MUST", "inconclusive"), ("MAY", "pass")), "not judged", "#777"),
    ],
)
def test_the_badge_counts_what_binds_and_what_was_not_seen(report: Report, message: str, color: str) -> None:
    badge = msgspec.json.decode(as_badge_json(report))
    assert badge == {"schemaVersion": 1, "label": "ACP conformance", "message": message, "color": color}
    picture = ElementTree.fromstring(as_badge(report))
    assert picture.get("aria-label") == f"ACP conformance: {message}"
    assert color in as_badge(report)


def test_the_matrix_has_a_row_for_each_agent_and_what_it_breaks_in_our_words() -> None:
    seen = "no answer to `/tmp/acp-conformance-x_1/stage/workspace/a.txt`, " + "x" * 400
    other = msgspec.structs.replace(
        REPORT,
        agent="another",
        outcomes=(outcome("a.good", "MUST", "fail", seen), outcome("d.new", "quality", "fail")),
    )
    page = as_matrix([REPORT, other])
    _, agents, areas, broken = page.split("\n## ")
    assert agents.rstrip().splitlines()[-2:] == [
        "| another 1.2 | 2026-11-21 | 4 | 0.1 | 0 | 2 | 0 | 0 | 0 | 1 | 0 |",
        "| some&lt;agent> 1.2 | 2026-11-21 | 4 | 0.1 | 1 | 2 | 1 | 0 | 1 | 1 | 0 |",
    ]
    assert "| a | 0/1 | 1/2 |" in areas
    assert "| c | - | - |" in areas
    assert "- MUST **a.good**: It does. Seen: no answer to `…/workspace/a.txt`, xxx" in broken
    assert "quality: d.new." in broken
    assert "/tmp/" not in page
    assert max(map(len, page.splitlines())) < 400


def test_comparing_tells_every_verdict_that_is_another() -> None:
    after = msgspec.structs.replace(
        REPORT,
        outcomes=(outcome("a.good", "MUST", "fail"), *REPORT.outcomes[2:], outcome("d.new", "MAY", "pass")),
    )
    found = changes(REPORT, after)
    assert found == [
        Change("a.good", "pass", "fail"),
        Change("d.new", "", "pass"),
        Change("a.bad", "fail", ""),
    ]
    assert [change.is_worse for change in found] == [True, False, False]
    assert as_changes([], Style(enabled=False)) == "no verdict changed\n"


def test_the_command_writes_every_report_and_its_exit_code_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"new.{name}" for name in ("json", "junit", "markdown", "html", "badge")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    given = ["conformance", "--profile", "scripted", "--only", "prompt.stop-reason", *options, "--"]
    assert main([*given, *reference()]) == 0
    assert "reference 1.0 conforms" in capsys.readouterr().out
    good = tmp_path / "good.json"
    files["json"].rename(good)
    assert main([*given, *reference("prompt.stop-reason")]) == 1
    assert "`done` is no stop reason" in capsys.readouterr().out
    assert all(file.stat().st_size > 300 for file in files.values())
    matrix = tmp_path / "matrix.md"
    assert main(["conformance", "--matrix", str(matrix), str(good), str(files["json"])]) == 0
    assert matrix.read_text(encoding="utf-8").count("### reference 1.0") == 2
    assert main(["conformance", "--compare", str(good), str(files["json"])]) == 1
    assert capsys.readouterr().out == "prompt.stop-reason: pass -> fail\n"


def test_an_agent_that_is_a_file_here_is_started_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python, *options, _ = agent_of('reply(frame, {"protocolVersion": 1})', tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["--", python, *options, "agent.py"]
    assert main(["conformance", "--only", "initialize.version-1", *words]) == 0
    assert "1 pass in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no agent to try"),
        (["--", "no-such-program"], "`no-such-program` is no program"),
        (["--only", "nonsense", "--", "x"], "no requirement `nonsense`"),
        (["--matrix", "page.md"], "no reports for the matrix"),
        (["--preflight", "nowhere"], "cannot read the registry entry"),
        (["--json", "nowhere/x.json", "--", "python3"], "`--json` cannot be written to `nowhere/x.json`"),
        (["--matrix", "nowhere/x.md", "report.json"], "`--matrix` cannot be written to `nowhere/x.md`"),
        (["--client", "--html", "nowhere/x.html", "--", "python3"], "`--html` cannot be written"),
        (
            ["--compare", "nowhere.json", "--", "python3"],
            "cannot read the report `nowhere.json`: No such file",
        ),
        (["--jobs", "many", "--", "python3"], "`--jobs` is `many`"),
        (["--patience", "0", "--", "python3"], "`--patience` is `0`"),
        (["--time", "soon", "--", "python3"], "`--time` is `soon`"),
        (["--jobs", "inf", "--", "python3"], "`--jobs` is `inf`"),
    ],
)
def test_a_wrong_request_is_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *words]) == 3
    assert told in capsys.readouterr().err


def test_the_list_names_every_requirement_of_an_area(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--list", "--only", "resume"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [
        ["resume.without-servers", "MUST"],
        ["resume.no-replay", "MUST"],
    ]
