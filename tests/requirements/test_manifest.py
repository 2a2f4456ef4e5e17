"""The manifest in `v1/` and the tests prove each other: no row without a test, no test without a row.

A row: `id`, `level` (MUST, SHOULD, MAY), `source` (a page and section of the protocol, or a document of this
repository), `text` (what the agent does), `tests` (`file::function`, the file relative to `tests/`), and
`covers` (the items of the schema it stands for; see `items.py`). What an agent does not serve is a line of
the table `not-ours`, with its reason.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from tests.requirements.items import protocol_items

TESTS = Path(__file__).resolve().parents[1]
AREAS: list[dict[str, Any]] = [
    tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted((TESTS / "requirements/v1").glob("*.toml"))
]
ROWS: list[dict[str, Any]] = [row for area in AREAS for row in area.get("requirement", [])]
NOT_OURS: dict[str, str] = {item: why for area in AREAS for item, why in area.get("not-ours", {}).items()}
KEYS = {"id", "level", "source", "text", "tests"}


@functools.cache
def functions_of(file: str) -> frozenset[str]:
    """Names of the test functions in a file of the tests."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


def test_every_row_is_complete_and_has_an_id_of_its_own() -> None:
    wrong = [
        row.get("id", row)
        for row in ROWS
        if not set(row) >= KEYS
        or set(row) - KEYS - {"covers"}
        or not re.fullmatch(r"[A-Z]+-\d\d", row["id"])
        or row["level"] not in ("MUST", "SHOULD", "MAY")
        or not row["text"].endswith(".")
    ]
    assert wrong == []
    assert [name for name, n in Counter(row["id"] for row in ROWS).items() if n > 1] == []


def test_every_source_among_our_documents_exists() -> None:
    missing: list[str] = []
    for row in ROWS:
        for source in row["source"].split("; "):
            document, _, section = source.partition(", ")
            if not document.endswith((".md", ".json")):
                continue  # the protocol's own pages
            path = TESTS.parent / document
            if not path.is_file() or (section and section.casefold() not in headings_of(path)):
                missing.append(f"{row['id']}: {source}")
    assert missing == []


def headings_of(path: Path) -> set[str]:
    """The names a source may give to a part of this document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return {name.casefold() for name in json.loads(text)["$defs"]}
    return {heading.casefold() for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_every_row_has_a_test_that_exists() -> None:
    missing: list[str] = []
    for row in ROWS:
        if not row["tests"]:
            missing.append(f"{row['id']}: no test")
        for name in row["tests"]:
            file, _, function = name.partition("::")
            if not (TESTS / file).is_file() or function not in functions_of(file):
                missing.append(f"{row['id']}: {name}")
    assert missing == []


def test_every_test_of_the_installed_command_has_a_row() -> None:
    named = {name for row in ROWS for name in row["tests"]}
    files = sorted(path.relative_to(TESTS).as_posix() for path in (TESTS / "interop").glob("test_*.py"))
    orphans = [
        f"{file}::{function}"
        for file in files
        for function in sorted(functions_of(file))
        if f"{file}::{function}" not in named
    ]
    assert orphans == []


def test_every_item_of_the_schema_is_covered_or_said_not_to_be_ours() -> None:
    covered = {item for row in ROWS for item in row.get("covers", [])}
    items = protocol_items()
    assert sorted(items - covered - set(NOT_OURS)) == []
    assert sorted((covered | set(NOT_OURS)) - items) == []
    assert sorted(covered & set(NOT_OURS)) == []
