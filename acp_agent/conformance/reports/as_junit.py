"""A report as JUnit XML, which continuous integration shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from acp_agent.conformance.report import Outcome, Report

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """One suite. What was not judged, and what failed without being binding, is skipped with its reason."""
    failed = [item for item in report.outcomes if _fails(item)]
    skipped = [item for item in report.outcomes if item.verdict != "pass" and not _fails(item)]
    suite = ElementTree.Element(
        "testsuite",
        name=f"ACP conformance of {report.name}",
        tests=str(len(report.outcomes)),
        failures=str(len(failed)),
        skipped=str(len(skipped)),
        errors="0",
        time=f"{report.seconds:.1f}",
        timestamp=report.began_at,
    )
    for item in report.outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"acp.{item.area}", name=item.id, time=f"{item.seconds:.3f}"
        )
        if _fails(item):
            failure = ElementTree.SubElement(case, "failure", message=_xml(item.reason), type=item.level)
            failure.text = _xml("\n".join((item.text, *item.transcript)))
            ElementTree.SubElement(case, "system-err").text = _xml(item.stderr)
        elif item.verdict != "pass":
            ElementTree.SubElement(case, "skipped", message=_xml(f"{item.verdict}: {item.reason}"))
        elif item.reason:
            ElementTree.SubElement(case, "system-out").text = _xml(item.reason)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _fails(item: Outcome) -> bool:
    return item.verdict == "fail" and item.level in ("MUST", "SHOULD")


def _xml(text: str) -> str:
    """The text without characters XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
