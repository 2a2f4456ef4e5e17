"""`acp-agent models`: the models that can be chosen here. Nothing is asked over the network."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import msgspec

from acp_agent.cli.exits import OK
from acp_agent.cli.style import Style, style_for
from acp_agent.model.session import ModelInfo
from acp_agent.sdk.providers import build_providers
from acp_agent.sdk.settings.config import load_config


def main(args: Namespace) -> int:
    """Print the models of every provider that could answer."""
    cli = {"config": args.config} if args.config else {}
    config = load_config(cwd=Path.cwd(), env=os.environ, cli=cli)
    models = [model for provider in build_providers(config).values() for model in provider.models()]
    if args.json:
        listed = [{**msgspec.to_builtins(model), "chosen": model.id == config.model} for model in models]
        sys.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(models, config.model, style_for(sys.stdout, os.environ)))
        sys.stderr.write("choose one with `--model`, `ACP_AGENT_MODEL` or `model` in the settings file\n")
    return OK


def as_text(models: Sequence[ModelInfo], chosen: str, style: Style) -> str:
    """One line per model, the chosen one marked."""
    width = max((len(model.id) for model in models), default=0)
    lines = [
        f"{'*' if model.id == chosen else ' '} {model.id:<{width}}  "
        f"{style.paint(f'{model.context_size:>9,} tokens', 'dim')}  {model.name}"
        for model in models
    ]
    return "".join(f"{line}\n" for line in lines)
