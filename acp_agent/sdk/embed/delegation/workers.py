"""Subagents that a program defines itself, in no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.model.subagent import AgentKind
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import converted
from acp_agent.sdk.embed.options.spelling import snake_keys
from acp_agent.sdk.folders.agent_definition import read_definition
from acp_agent.sdk.folders.front_matter import Document


class WorkerAgentSpec(msgspec.Struct, kw_only=True):
    """A subagent as a program defines it; the keys are those of definition files.

    Attributes:
        name: what models call it.
        description: what it is good for, by which models choose.
        prompt: what it is told to be.
        kind: `read_only`, `planner`, `implementer`, `verifier`, `reviewer` or `custom`: what it has unless it
            is said here.
        tools: the tools it may use, also as rules such as `Bash(git log:*)`; all if it is None.
        disallowed_tools: tools and calls that it may not use.
        permissions: `allow`, `ask`, `deny` with lists of rules, and `default_decision`.
        model: `provider/model`; its session's if it is None.
        max_steps: model requests of one task.
        hidden: models are not told of it.
        confirmation_inheritance: `inherit_parent`, `deny_on_ask` or `auto_approve`.
    """

    name: str
    description: str = ""
    prompt: str
    kind: str = "custom"
    tools: Sequence[str] | None = None
    disallowed_tools: Sequence[str] = ()
    permissions: Mapping[str, str | Sequence[str]] = {}
    model: str | None = None
    max_steps: int | None = None
    hidden: bool = False
    confirmation_inheritance: str = "inherit_parent"


Worker: TypeAlias = WorkerAgentSpec | Mapping[str, object]
"""A definition, also as a mapping whose names may be in camel case."""


def worker_kind(given: Worker) -> AgentKind:
    """The kind of subagent that a program defines.

    Raises:
        ConfigInvalid: it cannot be used; says which key it is.
    """
    spec = converted(_renamed(given), WorkerAgentSpec, "`worker_agents`")
    where = f"worker agent {spec.name}"
    lists = {"disallowed_tools": tuple(spec.disallowed_tools)}
    if spec.tools is not None:
        lists["tools"] = tuple(spec.tools)
    head = {
        "description": spec.description,
        "kind": spec.kind,
        "hidden": str(spec.hidden),
        "confirmation_inheritance": spec.confirmation_inheritance,
        **({"model": spec.model} if spec.model else {}),
        **({} if spec.max_steps is None else {"max_steps": str(spec.max_steps)}),
    }
    tables = {"permissions": _table(spec.permissions)} if spec.permissions else {}
    if not spec.prompt.strip():
        raise ConfigInvalid(f"`{where}`: `prompt`: must say what it is to be")
    try:
        return read_definition(Document(head, spec.prompt, lists, tables), where, spec.name)
    except ConfigError as exc:
        raise ConfigInvalid(str(exc)) from exc


def _renamed(given: Worker) -> Worker:
    """The definition, with `tools` called so."""
    if not isinstance(given, Mapping):
        return given
    return {"tools" if name == "allowed_tools" else name: value for name, value in snake_keys(given).items()}


def _table(permissions: Mapping[str, str | Sequence[str]]) -> str:
    lines: list[str] = []
    for key, value in snake_keys(permissions).items():
        if isinstance(value, str):
            lines.append(f"{key}: {value}")
        else:
            lines += [f"{key}:", *(f"  - {text}" for text in value)]
    return "\n".join(lines)
