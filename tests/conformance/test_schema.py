"""The protocol's schema comes with the package, not only with a checkout."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from acp_agent.base.jsontext import JsonObject, dump, load
from acp_agent.conformance.agent_process import Line
from acp_agent.conformance.catalogue import REQUIREMENTS
from acp_agent.conformance.judging import judge
from acp_agent.conformance.reach import object_at, objects_at, text_at
from acp_agent.testing.wire_schema import INSTALLED_SCHEMA, WireSchema, schema_folder

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_has_the_schema_where_it_is_looked_for(tmp_path: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included: dict[str, str] = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, place in included.items():
        shutil.copytree(ROOT / source, tmp_path / place)
    installed = tmp_path / INSTALLED_SCHEMA.relative_to(ROOT)
    for unstable in (False, True):
        wire = WireSchema(installed, unstable=unstable)
        assert wire.methods == WireSchema(schema_folder(), unstable=unstable).methods
        assert wire.violations("ContentBlock", {"type": "text"})


def test_what_judges_is_a_dependency_and_no_extra() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert any(item.startswith("jsonschema>") for item in settings["project"]["dependencies"])


def test_messages_are_judged_one_by_one() -> None:
    frames: tuple[JsonObject, ...] = (
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": {}}},
        {"jsonrpc": "2.0"},
    )
    lines = [Line("agent", dump(frame), None, "", 0.0) for frame in frames]
    problems, n_judged = judge(lines, "agent")
    assert n_judged == 2
    assert [problem.partition(":")[0] for problem in problems] == ["agent frame 1", "agent frame 2"]


def offered_in(schema: Path) -> set[str]:
    """The paths of all capabilities an agent can advertise."""
    known = load(schema.read_bytes())
    found: set[str] = set()
    waiting = [("agentCapabilities", "AgentCapabilities")]
    while waiting:
        path, definition = waiting.pop()
        for name, item in object_at(known, "$defs", definition, "properties").items():
            found.add(f"{path}.{name}")
            reference = next(
                (
                    text.rpartition("/")[2]
                    for part in [item, *objects_at(item, "anyOf"), *objects_at(item, "allOf")]
                    if (text := text_at(part, "$ref"))
                ),
                "",
            )
            if reference:
                waiting.append((f"{path}.{name}", reference))
    return found


def test_what_needs_a_capability_of_the_draft_is_marked_as_a_draft() -> None:
    folder = schema_folder() / "v1"
    stable, draft = offered_in(folder / "schema.json"), offered_in(folder / "schema.unstable.json")
    assert {item.version for item in REQUIREMENTS} == {"v1", "v1 draft"}
    for item in REQUIREMENTS:
        assert set(item.needs) <= draft, item.id
        assert (item.version == "v1 draft") == (not set(item.needs) <= stable), item.id
