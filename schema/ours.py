"""Writes what this agent reads of each method's parameters into `v1/ours.json`, or checks that file.

    python schema/ours.py            write
    python schema/ours.py --check    compare; exit status 1 when the file differs

The file holds one JSON Schema for each method, made from the models that read it;
`tests/schema/test_drift.py` compares it with the protocol's own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TypeAlias

from acp_agent.surface.v1.params import BY_METHOD

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

FILE = Path(__file__).resolve().parent / "v1" / "ours.json"
PROSE = ("title", "description")


def export() -> str:
    """The file's text."""
    models = {method: _bare(model.model_json_schema()) for method, model in sorted(BY_METHOD.items())}
    return json.dumps(models, indent=1) + "\n"


def _bare(node: Json) -> Json:
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    bare: dict[str, Json] = {}
    for keyword, value in node.items():
        if keyword in ("properties", "$defs") and isinstance(value, dict):
            bare[keyword] = {name: _bare(inner) for name, inner in value.items()}
        elif keyword not in PROSE:
            bare[keyword] = _bare(value)
    return bare


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="Exports the models of the parameters this agent reads.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file differs")
    text = export()
    if not parser.parse_args().check:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{FILE.name} is out of date; run `python schema/ours.py`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
