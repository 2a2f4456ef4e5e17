"""The usual ways to check a project, told by the files in its directory."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Annotated

import msgspec

from acp_agent.base.errors import AcpAgentError
from acp_agent.model.verification import Preset, VerificationCommand
from acp_agent.ports import Workspace

_SCRIPTS: Mapping[str, tuple[str, bool]] = {
    "typecheck": ("typecheck", True),
    "type-check": ("typecheck", True),
    "lint": ("lint", False),
    "build": ("build", True),
    "test": ("test", True),
}
"""Scripts of a `package.json` that check something: of what kind each is, and whether it is required."""

_MANAGERS: Mapping[str, str] = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
"""Whose lock file it is that says who runs a package's scripts; else it is npm."""

PYTHON = "python" if os.name == "nt" else "python3"
"""The name that is sure to be there: macOS and Debian have no `python` outside of virtual environments."""

_NO_TESTS = "no test specified"  # what npm writes into a new package


class _Package(msgspec.Struct, frozen=True):
    scripts: Annotated[Mapping[str, str], msgspec.Meta(max_length=1_000)] = {}


async def presets_of(workspace: Workspace) -> tuple[Preset, ...]:
    """Those of the session's first directory, one for each kind of project it is."""
    root = workspace.roots[0]
    try:
        names = {entry.name for entry in await workspace.list_dir(root) if not entry.is_dir}
        folders = {entry.name for entry in await workspace.list_dir(root) if entry.is_dir}
    except AcpAgentError:
        return ()
    presets: list[Preset] = []
    if "Cargo.toml" in names:
        presets.append(_rust())
    if "package.json" in names:
        presets.append(_node(await _text(workspace, "package.json"), names))
    if "pyproject.toml" in names:
        presets.append(_python(await _text(workspace, "pyproject.toml"), folders))
    if "go.mod" in names:
        presets.append(_go())
    return tuple(preset for preset in presets if preset.commands)


async def _text(workspace: Workspace, name: str) -> str:
    try:
        return await workspace.read_text(workspace.resolve(name))
    except AcpAgentError:
        return ""


def _rust() -> Preset:
    return Preset(
        name="rust",
        found="Cargo.toml",
        commands=(
            _command("rust", "format", "cargo fmt --check", "Rust code is formatted", required=False),
            _command("rust", "build", "cargo check --all-targets", "Rust code compiles"),
            _command("rust", "test", "cargo test", "Rust tests pass"),
        ),
    )


def _node(text: str, names: Collection[str]) -> Preset:
    manager = next((program for lock, program in _MANAGERS.items() if lock in names), "npm")
    try:
        scripts = msgspec.json.decode(text.encode(), type=_Package).scripts
    except msgspec.MsgspecError:
        scripts = {}
    return Preset(
        name="node",
        found="package.json",
        commands=tuple(
            _command(
                "node", kind, f"{manager} run {script}", f"Script `{script}` succeeds", required=required
            )
            for script, (kind, required) in _SCRIPTS.items()
            if script in scripts and _NO_TESTS not in scripts[script]
        ),
    )


def _python(text: str, folders: Collection[str]) -> Preset:
    def has_tool(name: str) -> bool:
        return re.search(rf"(?m)^\[tool\.{name}\b", text) is not None

    commands: list[VerificationCommand] = []
    if has_tool("ruff"):
        commands.append(_command("python", "lint", "ruff check .", "`ruff` finds nothing", required=False))
    if has_tool("mypy"):
        commands.append(_command("python", "typecheck", "mypy .", "`mypy` finds nothing"))
    if has_tool("pyright"):
        commands.append(_command("python", "typecheck", "pyright", "`pyright` finds nothing"))
    if has_tool("pytest") or "tests" in folders or "test" in folders:
        commands.append(_command("python", "test", f"{PYTHON} -m pytest", "Python tests pass"))
    return Preset(name="python", found="pyproject.toml", commands=tuple(commands))


def _go() -> Preset:
    return Preset(
        name="go",
        found="go.mod",
        commands=(
            _command("go", "build", "go build ./...", "Go code compiles"),
            _command("go", "lint", "go vet ./...", "`go vet` finds nothing", required=False),
            _command("go", "test", "go test ./...", "Go tests pass"),
        ),
    )


def _command(
    project: str, kind: str, command: str, description: str, *, required: bool = True
) -> VerificationCommand:
    return VerificationCommand(
        id=f"{project}:{command.replace(' ', '-')}",
        kind=kind,
        description=description,
        command=command,
        required=required,
        timeout_ms=600_000,
    )
