"""Writes the bare structure of the official ACP schemas into this folder, or checks that it is up to date.

    python schema/bare.py SOURCE_DIR            write
    python schema/bare.py SOURCE_DIR --check    compare; exit status 1 and a list when something differs

SOURCE_DIR holds `v1/schema.json`, `v1/schema.unstable.json` and the same for `v2`. What is copied is a closed
list of keywords: a keyword nobody has judged yet stops the run instead of slipping through.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Schema: TypeAlias = "dict[str, Json]"

HERE = Path(__file__).resolve().parent
VERSIONS = ("v1", "v2")
SOURCES = ("schema.json", "schema.unstable.json")
RETRIEVED = "2026-11-20"
"""When the pinned sources were fetched; change it together with them."""

PROSE = frozenset({"$comment", "description", "examples", "externalDocs", "title", "x-docs-ignore"})
LITERALS = frozenset(
    {
        "$ref",
        "$schema",
        "const",
        "contentEncoding",
        "default",
        "discriminator",
        "enum",
        "format",
        "maximum",
        "maxItems",
        "maxLength",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "required",
        "type",
        "x-deserialize-default-on-error",
        "x-deserialize-default-on-null",
        "x-deserialize-skip-invalid-items",
        "x-method",
        "x-side",
    }
)
SUBSCHEMA = frozenset({"additionalProperties", "items", "not", "unevaluatedProperties"})
SUBSCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
SUBSCHEMA_MAPS = frozenset({"$defs", "properties"})


def bare(schema: Json) -> Json:
    """The schema without its prose.

    Raises:
        ValueError: A keyword is in none of the lists above.
    """
    if not isinstance(schema, dict):
        return schema
    kept: Schema = {}
    for keyword, value in schema.items():
        if keyword in LITERALS:
            kept[keyword] = value
        elif keyword in SUBSCHEMA:
            kept[keyword] = bare(value)
        elif keyword in SUBSCHEMA_LISTS and isinstance(value, list):
            kept[keyword] = [bare(item) for item in value]
        elif keyword in SUBSCHEMA_MAPS and isinstance(value, dict):
            kept[keyword] = {name: bare(item) for name, item in value.items()}
        elif keyword not in PROSE:
            raise ValueError(f"unknown keyword `{keyword}`: decide whether it is structure or prose")
    return kept


def methods(stable: Schema, unstable: Schema) -> list[Schema]:
    """One row for each method, receiving side and kind, sorted."""
    known = {(row["method"], row["side"], row["kind"]) for row in _rows(stable)}
    rows = _rows(unstable)
    for row in rows:
        row["stable"] = (row["method"], row["side"], row["kind"]) in known
    missing = known - {(row["method"], row["side"], row["kind"]) for row in rows}
    if missing:
        raise ValueError(f"stable methods missing from the unstable schema: {sorted(map(str, missing))}")
    return sorted(rows, key=lambda row: (str(row["method"]), str(row["side"]), str(row["kind"])))


def _rows(schema: Schema) -> list[Schema]:
    marked: dict[tuple[str, str, str], str] = {}
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for name, definition in definitions.items():
        if isinstance(definition, dict) and "x-method" in definition:
            kind = next(kind for kind in ("Request", "Response", "Notification") if name.endswith(kind))
            marked[str(definition["x-method"]), str(definition["x-side"]), kind] = name
    rows: list[Schema] = []
    for (method, side, kind), name in marked.items():
        if kind == "Request":
            result = marked[method, side, "Response"]
            rows.append({"method": method, "side": side, "kind": "request", "params": name, "result": result})
        elif kind == "Notification":
            rows.append(
                {"method": method, "side": side, "kind": "notification", "params": name, "result": None}
            )
    return rows


def export(source: Path) -> dict[str, str]:
    """Every file of this folder that comes from `source`: relative path → text."""
    files: dict[str, str] = {}
    digests: dict[str, Json] = {}
    for version in VERSIONS:
        read: list[Schema] = []
        for name in SOURCES:
            raw = (source / version / name).read_bytes()
            digests[f"{version}/{name}"] = hashlib.sha256(raw).hexdigest()
            schema = bare(json.loads(raw))
            assert isinstance(schema, dict)
            read.append(schema)
            files[f"{version}/{name}"] = _schema_text(schema)
        lines = ",\n".join(_compact(row) for row in methods(*read))
        files[f"{version}/methods.json"] = f"[\n{lines}\n]\n"
    pinned: Json = {"retrieved": RETRIEVED, "sha256": digests}
    files["PINNED.json"] = json.dumps(pinned, indent=1, sort_keys=True) + "\n"
    return files


def _schema_text(schema: Schema) -> str:
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    lines = ",\n".join(f"{_compact(name)}:{_compact(definitions[name])}" for name in sorted(definitions))
    rest = "".join(f",\n{_compact(key)}:{_compact(schema[key])}" for key in sorted(schema) if key != "$defs")
    return f'{{"$defs":{{\n{lines}\n}}{rest}}}\n'


def _compact(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def main() -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(description="Export the bare structure of the official ACP schemas.")
    parser.add_argument("source", type=Path, help="folder with v1/ and v2/ of the official schemas")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    arguments = parser.parse_args()
    files = export(arguments.source)
    if not arguments.check:
        for name, text in files.items():
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_bytes(text.encode())
        return 0
    stale = [name for name, text in files.items() if not _holds(HERE / name, text)]
    for name in stale:
        sys.stderr.write(f"`schema/{name}` differs from the source; run `python schema/bare.py SOURCE_DIR`\n")
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    sys.exit(main())
