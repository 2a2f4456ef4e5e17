"""The official test kit's names lead to the requirements that ask the same."""

from __future__ import annotations

import pytest

from acp_agent.conformance.catalogue import REQUIREMENTS, chosen

KIT: dict[str, int] = {
    "TRANSPORT": 2,
    "JSONRPC": 5,
    "INIT": 4,
    "SCHEMA": 2,
    "SESSION": 2,
    "PROMPT": 3,
    "CANCEL": 2,
    "CONFIG": 3,
    "AUTH": 5,
    "CLIENTCAP": 3,
    "EXT": 1,
    "LOAD": 3,
    "RESUME": 2,
    "LIST": 2,
    "DELETE": 2,
    "CLOSE": 2,
    "ADDDIRS": 1,
    "MODES": 2,
    "PROMPTCAP": 3,
    "META": 1,
    "ERROR": 1,
    "SHUTDOWN": 1,
    "STDERR": 1,
}
"""How many names each area of the kit has, for version 1 of the protocol."""

NAMES = [f"ACP-{area}-{number:03}" for area, count in KIT.items() for number in range(1, count + 1)]


@pytest.mark.parametrize("name", NAMES)
def test_each_name_of_the_kit_stands_for_one_requirement(name: str) -> None:
    assert len(chosen(name)) == 1


def test_no_other_names_are_claimed() -> None:
    assert {alias for item in REQUIREMENTS for alias in item.aliases} == set(NAMES)
