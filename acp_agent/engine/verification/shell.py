"""A command that verifies something, as a call of the tool that runs commands."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.verification.verifying import Ran
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolOutcome
from acp_agent.model.verification import VerificationCommand

SHELL = "bash"
MAX_TIMEOUT = 600.0
"""Seconds that the shell lets any command take."""


def arguments_of(command: VerificationCommand) -> JsonObject:
    """The arguments of a call of `bash` for it."""
    timeout = None if command.timeout_ms is None else min(command.timeout_ms / 1000, MAX_TIMEOUT)
    return {"command": command.command, **({} if timeout is None else {"timeout": timeout})}


def ran_as(outcome: ToolOutcome, *evidence: str) -> Ran:
    """How a call of `bash` ended."""
    output = "\n".join(part.text for part in outcome.for_model if isinstance(part, Text))
    raw = outcome.raw_output
    code = raw.get("exit_code") if isinstance(raw, dict) else None
    return Ran(exit_code=code if isinstance(code, int) else None, output=output, evidence=evidence)
