from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from acp_agent.cli.commands import COMMANDS
from acp_agent.engine.commands.builtin import BUILTINS
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.router import Router

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


DOCS = (
    "docs/configuration.md",
    "docs/client.md",
    "docs/commands.md",
    "docs/mcp.md",
    "docs/questions.md",
    "docs/tools.md",
    "docs/tracing.md",
    "docs/stores.md",
    "docs/sessions.md",
    "docs/skills.md",
    "docs/subagents.md",
    "docs/hooks.md",
    "docs/limits.md",
    "docs/planning.md",
    "docs/memory.md",
    "docs/verification.md",
)


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)


def test_continuous_integration_runs_the_test_command_of_the_readme_to_the_letter() -> None:
    setup, tests, *_ = shell_blocks(README)
    assert "acp-agent demo" in setup
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_names_every_command() -> None:
    named = set(re.findall(r"^\| `acp-agent ?([a-z-]*)", README, flags=re.MULTILINE))
    assert named == {"", *(command.name for command in COMMANDS if command.name != "serve")}


NOBODY: Any = None
"""Stands for the agent and the peer where only the table of methods is read."""


def test_the_readme_names_every_method_that_is_served() -> None:
    served = {
        "initialize",
        "session/cancel",
        "$/cancel_request",
        *Router(NOBODY, NOBODY, ClientOffer()).handlers(),
    }
    _, _, section = README.partition("## What of the protocol is served\n")
    listed, _, _ = section.partition("| towards the client")
    assert set(re.findall(r"`([^`]+)`", listed)) == served


def test_the_documents_name_every_built_in_slash_command() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `/([a-z]+)", page, flags=re.MULTILINE)
    assert set(named) == {command.info.name for command in BUILTINS}


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", *DOCS])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []
