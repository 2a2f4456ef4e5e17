"""`acp-agent login`: enter an API key once. Works in any terminal, over SSH too; no browser is needed."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace

from acp_agent.base.paths import find_places
from acp_agent.cli.exits import OK, USAGE, report
from acp_agent.sdk.keys import store_key
from acp_agent.sdk.settings.presets import PRESETS
from acp_agent.sdk.settings.secret import Secret


def main(args: Namespace) -> int:
    """Ask for a provider and its key, and keep the key; a key on stdin is taken without asking."""
    names = [name for name, preset in PRESETS.items() if preset.key_env]
    interactive = sys.stdin.isatty()
    provider = args.provider or (_ask_provider(names) if interactive else names[0])
    if interactive:
        key = getpass.getpass(f"API key for {provider} (not shown): ").strip()
    else:
        key = sys.stdin.readline().strip()
    if not key:
        report("no key was entered", f"run `acp-agent login {provider}` again and paste the key")
        return USAGE
    path = store_key(find_places(os.environ), provider, Secret(key))
    sys.stdout.write(
        f"the key for `{provider}` is kept in {path}; `acp-agent doctor` checks everything else\n"
    )
    return OK


def _ask_provider(names: list[str]) -> str:
    for number, name in enumerate(names, 1):
        sys.stderr.write(f"  {number}  {name}\n")
    sys.stderr.write("which provider? [1] ")
    sys.stderr.flush()
    reply = sys.stdin.readline().strip() or "1"
    if reply.isdecimal() and 1 <= int(reply) <= len(names):
        return names[int(reply) - 1]
    return reply
