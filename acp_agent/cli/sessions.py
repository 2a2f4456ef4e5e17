"""`acp-agent sessions`: what is stored, looked at and tidied up without starting an agent."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import msgspec

from acp_agent.cli.exits import FAILED, OK, USAGE, report
from acp_agent.cli.session_store import known, stored
from acp_agent.cli.session_text import Words, in_one_line, print_conversation, print_runs
from acp_agent.cli.style import style_for
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionPage

PAGE_SIZE = 50

NEEDS: dict[str, str] = {
    "show": "a session's id",
    "export": "a session's id",
    "delete": "a session's id",
    "import": "a file, or `-` for stdin",
    "search": "words",
}
"""What the second word has to be, for actions that need one."""

_ALL = frozenset({"store", "config"})

TAKES: dict[str, frozenset[str]] = {
    "list": _ALL | {"cwd", "limit", "cursor", "archived", "json"},
    "show": _ALL | {"runs", "json"},
    "export": _ALL | {"output"},
    "import": _ALL,
    "delete": _ALL | {"yes"},
    "gc": _ALL | {"json"},
    "migrate": frozenset({"from", "to"}),
    "search": _ALL | {"cwd", "limit", "json"},
}
"""The options of each action."""


def main(args: Namespace) -> int:
    """Do `args.action`; the exit code says whether it was done."""
    action, given = args.action, {name for name, value in vars(args).items() if value}
    wrong = given & frozenset().union(*TAKES.values()) - TAKES[action]
    if wrong:
        report(f"`sessions {action}` has no option `--{min(wrong)}`", "see `acp-agent sessions --help`")
        return USAGE
    if action == "show" and args.json and not args.runs:
        report("`--json` shows runs only", "add `--runs`, or use `acp-agent sessions export`")
        return USAGE
    if action in NEEDS and not args.what:
        report(f"`sessions {action}` needs {NEEDS[action]}", "see `acp-agent sessions --help`")
        return USAGE
    if args.limit is not None and not (args.limit.isascii() and args.limit.isdigit() and int(args.limit) > 0):
        report(f"`--limit`: `{args.limit}` is no number of sessions", "write a number of 1 or more")
        return USAGE
    return anyio.run(_ACTIONS[action], args)


async def _list(args: Namespace) -> int:
    async with stored(args) as store:
        page = await store.list(
            cwd=_folder(args.cwd), cursor=args.cursor, limit=_limit(args), archived=args.archived
        )
    if args.json:
        _print_json(_as_json(page))
        return OK
    words = Words(style_for(sys.stdout, os.environ))
    for record in page.sessions:
        sys.stdout.write(f"{_line(record, words)}\n")
    if page.next_cursor is not None:
        sys.stderr.write(f"there are more: `--cursor {page.next_cursor}`\n")
    return OK


async def _show(args: Namespace) -> int:
    async with stored(args) as store:
        record = await known(store, args.what)
        words = Words(style_for(sys.stdout, os.environ))
        if args.runs:
            await print_runs(store.read(record.id), words, sys.stdout, as_json=args.json)
        else:
            sys.stdout.write(f"{_line(record, words)}\n{in_one_line(record.cwd)}\n")
            await print_conversation(store.read(record.id), words, sys.stdout)
    return OK


async def _delete(args: Namespace) -> int:
    async with stored(args) as store:
        record = await known(store, args.what)
        if not args.yes:
            if not sys.stdin.isatty():
                report("nothing was deleted: nobody was asked", "add `--yes` if it is to be deleted unasked")
                return USAGE
            name = in_one_line(record.title or record.id)
            sys.stderr.write(f"delete `{name}` with {record.n_events} events for good? [y/N] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                sys.stderr.write("nothing was deleted\n")
                return FAILED
        await store.delete(record.id)
    sys.stdout.write(f"deleted {in_one_line(record.id)}\n")
    return OK


async def _collect(args: Namespace) -> int:
    async with stored(args) as store:
        freed = await store.collect_garbage()
    if args.json:
        _print_json(msgspec.to_builtins(freed))
    else:
        sys.stdout.write(
            f"freed: {freed.n_events} events, {freed.n_blobs} kept files, {freed.n_files} left-over files\n"
        )
    return OK


async def _search(args: Namespace) -> int:
    async with stored(args) as store:
        hits = await store.search(args.what, cwd=_folder(args.cwd), limit=_limit(args))
    if args.json:
        _print_json([msgspec.to_builtins(hit) for hit in hits])
        return OK
    words = Words(style_for(sys.stdout, os.environ))
    for hit in hits:
        sys.stdout.write(f"{_line(hit.session, words)}\n    {words.dim(in_one_line(hit.excerpt))}\n")
    return OK


async def _export(args: Namespace) -> int:
    from acp_agent.cli import sessions_transfer  # lazy: only for moving sessions

    return await sessions_transfer.export(args)


async def _import(args: Namespace) -> int:
    from acp_agent.cli import sessions_transfer  # lazy: only for moving sessions

    return await sessions_transfer.take_in(args)


async def _migrate(args: Namespace) -> int:
    from acp_agent.cli import sessions_transfer  # lazy: only for moving sessions

    return await sessions_transfer.migrate(args)


_ACTIONS: dict[str, Callable[[Namespace], Awaitable[int]]] = {
    "list": _list,
    "show": _show,
    "export": _export,
    "import": _import,
    "delete": _delete,
    "gc": _collect,
    "migrate": _migrate,
    "search": _search,
}


def _folder(written: str | None) -> str | None:
    return None if written is None else os.path.realpath(Path(written).expanduser())


def _limit(args: Namespace) -> int:
    return PAGE_SIZE if args.limit is None else int(args.limit)


def _line(record: SessionRecord, words: Words) -> str:
    title = in_one_line(record.title or "(no title)")
    return (
        f"{in_one_line(record.id)}  {words.dim(f'{record.updated_at:%Y-%m-%d %H:%M}')}  {words.bold(title)}"
    )


def _as_json(page: SessionPage) -> object:
    return {"sessions": [msgspec.to_builtins(one) for one in page.sessions], "nextCursor": page.next_cursor}


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
