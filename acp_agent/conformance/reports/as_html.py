"""A report as one HTML page that needs nothing else: filters, reasons, transcripts."""

from __future__ import annotations

import re
from html import escape

from acp_agent.conformance.report import Outcome, Report
from acp_agent.conformance.requirement import LEVELS
from acp_agent.conformance.verdicts import VERDICTS

_STYLE = """\
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 }
fieldset { border: 0; padding: 0; margin: .5rem 0; display: flex; gap: 1rem; flex-wrap: wrap }
input[type=search] { font: inherit; padding: .2rem .5rem; width: 18rem }
article { border-top: 1px solid var(--line); padding: .5rem 0 }
article > b { display: inline-block; min-width: 7.5rem }
.pass > b { color: #1a7f37 } .fail > b { color: #cf222e } .inconclusive > b { color: #9a6700 }
.skipped > b, .not-advertised > b { opacity: .65 }
small { opacity: .7 }
table { border-collapse: collapse } th { font-weight: 600; text-align: left }
td, th { padding: .1rem .8rem .1rem 0 } td { text-align: right; font-variant-numeric: tabular-nums }
pre { overflow: auto; max-height: 30rem; padding: .5rem; border: 1px solid var(--line); font-size: 12px }
p { margin: .2rem 0 }
"""

_SCRIPT = """\
const boxes = [...document.querySelectorAll("input[type=checkbox]")];
const search = document.querySelector("input[type=search]");
function show() {
  const off = new Set(boxes.filter(box => !box.checked).map(box => box.value));
  const words = search.value.toLowerCase();
  for (const item of document.querySelectorAll("article")) {
    const hidden = off.has(item.dataset.verdict) || off.has(item.dataset.level)
      || !item.textContent.toLowerCase().includes(words);
    item.hidden = hidden;
  }
}
for (const input of [...boxes, search]) input.addEventListener("input", show);
"""


def as_html(report: Report) -> str:
    """The page. What the agent said stands in it as text, never as markup."""
    name = escape(report.name)
    counts = report.count()
    failures_first = sorted(
        report.outcomes, key=lambda item: LEVELS.index(item.level) if item.verdict == "fail" else len(LEVELS)
    )
    verdicts = "".join(_box(verdict, f"{verdict} ({counts[verdict]})") for verdict in VERDICTS)
    levels = "".join(_box(level, level) for level in LEVELS)
    about = (
        f"<code>{escape(report.command)}</code>, profile {escape(report.profile)}, "
        f"{escape(report.began_at)}, {report.seconds:g} s, suite {escape(report.suite_version)}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>ACP conformance of {name}</title>\n<style>\n{_STYLE}</style>\n"
        f"<h1>ACP conformance of {name}</h1>\n<p>It <strong>{report.judgement}</strong>.</p>\n"
        f"{_counts(report)}"
        f"<p><small>{about}</small></p>\n<fieldset>{verdicts}</fieldset>"
        f'<fieldset>{levels}<input type="search" placeholder="search"></fieldset>\n'
        f"{''.join(map(_article, failures_first))}<script>\n{_SCRIPT}</script>\n</html>\n"
    )


def _counts(report: Report) -> str:
    heads = "".join(f"<th>{verdict}</th>" for verdict in VERDICTS)
    rows = "".join(
        f"<tr><th>{level}</th>{''.join(f'<td>{number}</td>' for number in report.count(level).values())}</tr>"
        for level in LEVELS
    )
    return f"<table><tr><th></th>{heads}</tr>{rows}</table>\n"


def _box(value: str, label: str) -> str:
    return f'<label><input type="checkbox" value="{escape(value)}" checked> {escape(label)}</label>'


def _article(item: Outcome) -> str:
    names = ", ".join(item.aliases)
    parts = [
        f'<article class="{item.verdict}" data-verdict="{item.verdict}" ',
        f'data-level="{item.level}" id="{item.id}">',
        f"<b>{item.verdict}</b><code>{item.id}</code> <small>{item.level} · ",
        f"{escape(item.section)} · {item.version}",
        f"{' · ' if names else ''}{escape(names)} · {item.seconds:.1f} s</small>",
        f"<p>{_words(item.text)}</p>",
    ]
    if item.reason:
        parts.append(f"<p><em>{_words(item.reason)}</em></p>")
    if item.transcript:
        parts.append(_folded("transcript", "\n".join(item.transcript)))
    if item.stderr:
        parts.append(_folded("stderr", item.stderr))
    return "".join([*parts, "</article>\n"])


def _words(text: str) -> str:
    """Text in which backticks mark what is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"
