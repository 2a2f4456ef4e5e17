"""`python -m benchmarks`: measure every contender in one run and print the table."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from benchmarks import clients, stores
from benchmarks.client import BenchmarkError
from benchmarks.contenders import Contender, contenders
from benchmarks.figures import FULL, SHORT, Plan, Samples, latency_round, measure
from benchmarks.model import model_server
from benchmarks.table import document, table


async def run(chosen: list[Contender], plan: Plan) -> tuple[dict[str, Samples], dict[str, str]]:
    """Samples of the contenders that worked, and why the others did not.

    The first round of each fills caches and is thrown away. Rounds alternate between contenders, so that a
    machine that grows slow grows slow for all of them.
    """
    results = {contender.name: Samples() for contender in chosen}
    failures: dict[str, str] = {}
    async with model_server() as model:
        for number in range(-1, plan.rounds):
            for contender in chosen:
                if contender.name in failures:
                    continue
                try:
                    if number < 0:
                        await latency_round(contender, model, plan._replace(repeats=1), Samples())
                    else:
                        await measure(contender, model, plan, results[contender.name], number)
                except BenchmarkError as exc:
                    failures[contender.name] = str(exc)
    return {name: samples for name, samples in results.items() if name not in failures}, failures


def main() -> int:
    """Run the command line; the exit status is 1 when a contender failed."""
    if sys.argv[1:2] == ["stores"]:
        return stores.main(sys.argv[2:])
    if sys.argv[1:2] == ["clients"]:
        return clients.main(sys.argv[2:])
    everyone = contenders()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few rounds, less than a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write medians and samples to FILE")
    parser.add_argument("--only", metavar="NAMES", help="comma-separated; the first is what ratios refer to")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else [contender.name for contender in everyone]
    by_name = {contender.name: contender for contender in everyone}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        parser.error(f"unknown contender `{unknown[0]}`; choose from: {', '.join(by_name)}")
    results, failures = asyncio.run(
        run([by_name[name] for name in names], SHORT if arguments.short else FULL)
    )
    if results:
        print(table(results))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document(results), indent=1) + "\n", encoding="utf-8")
    for name, why in failures.items():
        print(f"{name} failed: {why}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
