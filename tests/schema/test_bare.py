"""The exported schemas are complete, self-contained and free of prose."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from acp_agent.base.jsontext import JsonObject, JsonValue

SCHEMA = Path(__file__).resolve().parents[2] / "schema"
FILES = sorted(path for version in ("v1", "v2") for path in (SCHEMA / version).glob("schema*.json"))


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def document(request: pytest.FixtureRequest) -> JsonObject:
    return msgspec.json.decode(request.param.read_bytes(), type=JsonObject)


def rows(version: str) -> list[JsonObject]:
    return msgspec.json.decode((SCHEMA / version / "methods.json").read_bytes(), type=list[JsonObject])


def nodes(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)


def test_both_versions_have_a_stable_and_an_unstable_schema():
    found = [f"{path.parent.name}/{path.name}" for path in FILES]
    expected = [f"{v}/{name}" for v in ("v1", "v2") for name in ("schema.json", "schema.unstable.json")]
    assert found == expected


def test_schema_is_valid_draft_2020_12(document: JsonObject):
    Draft202012Validator.check_schema(document)


def test_schema_holds_no_prose(document: JsonObject):
    # A property may be *called* title or description; its value is then a schema, never a string.
    prose = {"title", "description", "$comment", "examples", "externalDocs", "x-docs-ignore"}
    kept = [key for node in nodes(document) for key in prose & set(node) if not isinstance(node[key], dict)]
    assert kept == []


def test_schema_holds_no_sentence_and_no_address(document: JsonObject):
    texts = set(strings({key: value for key, value in document.items() if key != "$schema"}))
    assert [text for text in texts if "://" in text or " " in text] == []


def test_every_reference_resolves(document: JsonObject):
    definitions = document["$defs"]
    assert isinstance(definitions, dict)
    targets = {str(node["$ref"]) for node in nodes(document) if isinstance(node.get("$ref"), str)}
    assert {target for target in targets if target.removeprefix("#/$defs/") not in definitions} == set()


def test_properties_called_title_and_description_survive():
    document = msgspec.json.decode((SCHEMA / "v1/schema.json").read_bytes())
    assert {"title", "description"} < set(document["$defs"]["EnumOption"]["properties"])


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("name", "stable_only"), [("schema.json", True), ("schema.unstable.json", False)])
def test_method_table_has_every_method_of_the_schema(version: str, name: str, stable_only: bool):
    definitions = msgspec.json.decode((SCHEMA / version / name).read_bytes())["$defs"]
    marked = {
        (key, definition["x-method"], definition["x-side"])
        for key, definition in definitions.items()
        if "x-method" in definition
    }
    listed = {
        (str(row[column]), str(row["method"]), str(row["side"]))
        for row in rows(version)
        for column in ("params", "result")
        if row[column] is not None and (row["stable"] or not stable_only)
    }
    assert listed == marked
    assert marked


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_requests_have_a_result_and_notifications_have_none(version: str):
    assert [row for row in rows(version) if (row["kind"] == "request") != (row["result"] is not None)] == []


def test_pins_name_every_schema_file():
    pinned = msgspec.json.decode((SCHEMA / "PINNED.json").read_bytes())
    assert sorted(pinned["sha256"]) == [f"{path.parent.name}/{path.name}" for path in FILES]
    assert {len(digest) for digest in pinned["sha256"].values()} == {64}


def run_bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCHEMA / "bare.py"), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=30, check=False)


def test_export_stops_at_a_keyword_nobody_has_judged(tmp_path: Path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/schema.json").write_text('{"$defs":{"A":{"type":"string","x-new":1}}}', encoding="utf-8")
    done = run_bare(str(tmp_path), "--check")
    assert done.returncode == 1
    assert "unknown keyword `x-new`" in done.stderr


def test_check_names_files_that_differ_from_their_source(tmp_path: Path):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        for name in ("schema.json", "schema.unstable.json"):
            (tmp_path / version / name).write_text('{"$defs":{}}', encoding="utf-8")
    done = run_bare(str(tmp_path), "--check")
    assert done.returncode == 1
    assert "`schema/v1/schema.json` differs" in done.stderr
    assert "`schema/PINNED.json` differs" in done.stderr


def test_files_match_the_official_schemas():
    source = os.environ.get("ACP_SCHEMA_SOURCE")
    if source is None:
        pytest.skip("set ACP_SCHEMA_SOURCE to the folder with the official schemas")
    done = run_bare(source, "--check")
    assert (done.returncode, done.stderr) == (0, "")
