"""`acp-agent trust`: let a project's settings file take effect, or stop it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

from acp_agent.base.paths import find_places
from acp_agent.cli.exits import FAILED, OK, report
from acp_agent.sdk.settings.trust import (
    distrust_folder,
    project_file,
    prompt_folders,
    real_path,
    trust_folder,
    trusted_folders,
)


def main(args: Namespace) -> int:
    """Trust or distrust `args.dir`, or list what is trusted."""
    places = find_places(os.environ)
    folder = Path(args.dir or ".").absolute()
    if args.list:
        for name in sorted(trusted_folders(places)):
            sys.stdout.write(f"{name}\n")
        return OK
    if args.remove:
        if distrust_folder(places, folder):
            sys.stdout.write(f"no longer trusted: {real_path(folder)}\n")
            return OK
        report(
            f"`{real_path(folder)}` was not trusted", "run `acp-agent trust --list` to see which folders are"
        )
        return FAILED
    content = trust_folder(places, folder)
    for place in prompt_folders(folder):
        sys.stdout.write(
            f"{printable(str(place))}: what is in there is offered as slash commands from now on\n"
        )
    if content:
        sys.stdout.write(
            f"{project_file(folder)} takes effect from now on, as long as it says exactly this:\n\n"
        )
    for line in content.decode().splitlines():
        sys.stdout.write(f"    {printable(line)}\n")
    return OK


def printable(text: str) -> str:
    """`text` with everything a terminal could act on written as an escape."""
    return "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text)
