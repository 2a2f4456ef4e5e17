"""`items.toml` and the tests prove each other: every promise has a test, and every test it names exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.requirements.test_manifest import functions_of

TESTS = Path(__file__).resolve().parents[1]
ITEMS: list[dict[str, Any]] = tomllib.loads((TESTS / "sdk_api" / "items.toml").read_text(encoding="utf-8"))[
    "item"
]
NUMBERS = [*range(1, 182), *range(201, 228)]
"""182 to 200 are promises of the client library, which has tests of its own."""


def test_every_number_is_there_once_and_in_order() -> None:
    assert [item["number"] for item in ITEMS] == NUMBERS
    assert [item["number"] for item in ITEMS if not item["text"]] == []


def test_every_item_has_a_test_unless_it_is_somebody_elses() -> None:
    assert [item["number"] for item in ITEMS if not item["tests"] and item.get("owner") != "6"] == []


def test_every_test_that_is_named_exists() -> None:
    missing: list[str] = []
    for item in ITEMS:
        for name in item["tests"]:
            file, _, function = name.partition("::")
            if not (TESTS / file).is_file() or function not in functions_of(file):
                missing.append(f"{item['number']}: {name}")
    assert missing == []


def test_every_test_that_bears_a_number_is_named_by_its_item() -> None:
    theirs = {item["number"] for item in ITEMS if item.get("owner") == "6"}
    named = {(item["number"], name) for item in ITEMS for name in item["tests"]}
    orphans = [
        f"{number}: {file.name}::{function}"
        for file in sorted((TESTS / "sdk_api").glob("test_*.py"))
        for function in sorted(functions_of(f"sdk_api/{file.name}"))
        for number in numbers_of(function)
        if number not in theirs and (number, f"sdk_api/{file.name}::{function}") not in named
    ]
    assert orphans == []


def numbers_of(function: str) -> list[int]:
    """The items in the name of a test: `test_026_027_…`, `test_item_026_…`, `test_026_to_029_…`."""
    match = re.match(r"test_(?:item_)?((?:\d{3}_(?:to_)?)+)", function)
    found: list[int] = []
    for word in match[1].strip("_").split("_") if match else ():
        if word == "to":
            found.append(-1)
        elif found and found[-1] == -1:
            found[-1:] = range(found[-2] + 1, int(word) + 1)
        else:
            found.append(int(word))
    return [number for number in found if number in NUMBERS]
