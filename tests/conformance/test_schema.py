"""The protocol's schema comes with the package, not only with a checkout."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from acp_agent.base.jsontext import JsonObject, dump
from acp_agent.conformance.agent_process import Line
from acp_agent.conformance.judging import judge
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
    problems, n_judged = judge(lines, strict=False)
    assert n_judged == 2
    assert [problem.partition(":")[0] for problem in problems] == ["agent frame 1", "agent frame 2"]
