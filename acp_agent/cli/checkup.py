"""The checks behind `acp-agent doctor`. They read, and at most write one file that is gone at once."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from acp_agent import __version__
from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places, find_places
from acp_agent.cli.editors import EDITORS, Editor
from acp_agent.model.mcp import HttpServer, StdioServer
from acp_agent.sdk.credentials import Credential, credentials
from acp_agent.sdk.model_choice import split_model
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.presets import TOUR_MODEL
from acp_agent.workspaces.landlock import Support, support

Status: TypeAlias = Literal["ok", "warn", "fail"]
Which: TypeAlias = Callable[[str], str | None]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was checked; `remedy` says what to do, where there is something."""

    area: str
    status: Status
    text: str
    remedy: str = ""


def examine(
    *,
    env: Mapping[str, str],
    cwd: Path,
    cli: Mapping[str, str],
    which: Which = shutil.which,
    kernel: Callable[[], Support] = support,
) -> list[Finding]:
    """Check everything for a session in `cwd`; an agent can run if no finding fails."""
    findings = [
        Finding("program", "ok", f"acp-agent {__version__}"),
        Finding("python", "ok", f"{platform.python_version()} on {platform.system()}"),
    ]
    try:
        places = find_places(env)
        config = load_config(cwd=cwd, env=env, cli=cli, paths=places)
    except ConfigError as exc:
        findings.append(Finding("settings", "fail", str(exc), exc.hint or "correct the setting"))
    else:
        findings += _settings(config, places)
        findings += _storage(config, places)
        findings += _models(config)
        findings += _servers(config, which)
        findings.append(_sandbox(config, kernel()))
    findings += _tools(which)
    findings += _editors(find_home(env), which)
    return findings


def find_home(env: Mapping[str, str]) -> Path | None:
    """The home folder, whatever else is wrong with the environment."""
    return find_places({name: value for name, value in env.items() if name != "ACP_AGENT_HOME"}).home


def _settings(config: Config, places: Places) -> Iterator[Finding]:
    for file in config.files:
        yield Finding("settings", "ok", f"read {file}")
    if not config.files:
        yield Finding(
            "settings", "ok", f"defaults; no file {places.config_file or 'because there is no home'}"
        )
    for message in config.ignored:
        yield Finding("settings", "warn", message)
    yield Finding("mode", "ok", config.mode)


def _storage(config: Config, places: Places) -> Iterator[Finding]:
    path, folder = config.store_path, config.store_choice.folder
    if config.store_choice.kind == "postgres":
        yield Finding("store", "ok", config.store)
        return
    if path is None or folder is None:
        remedy = "" if places.data_dir else "set `ACP_AGENT_HOME` to a folder to keep sessions"
        yield Finding("store", "ok" if not remedy else "warn", "sessions are kept in memory only", remedy)
        return
    problem = _write_problem(folder)
    if problem:
        remedy = "sessions would not be kept; change the rights or set `store`"
        yield Finding("store", "warn", f"{path}: {problem}", remedy)
    else:
        yield Finding("store", "ok", str(path) if path.exists() else f"{path} (made when first needed)")


def _write_problem(folder: Path) -> str:
    """Why nothing can be written in the folder, or nothing."""
    existing = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not existing.is_dir():
        return f"`{existing}` is not a folder"
    if existing != folder:
        return "" if os.access(existing, os.W_OK | os.X_OK) else f"`{existing}` cannot be written"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as exc:
        return f"`{folder}` cannot be written: {exc.strerror}"


def _models(config: Config) -> Iterator[Finding]:
    known = {credential.provider: credential for credential in credentials(config)}
    chosen = known[split_model(config.model)[0]]
    for credential in known.values():
        yield _key(credential, is_chosen=credential is chosen)
    text = f"{config.model} ({config.model_origin})"
    if chosen.status == "missing":
        yield Finding("model", "fail", f"{text}: there is no key for it", _key_remedy(chosen))
    elif config.model == TOUR_MODEL:
        remedy = (
            'set `ANTHROPIC_API_KEY` or `OPENAI_API_KEY`, or choose a local model: `model = "ollama/NAME"`'
        )
        yield Finding("model", "warn", f"{text}: plays a script, asks no model", remedy)
    else:
        yield Finding("model", "ok", text)


def _key(credential: Credential, *, is_chosen: bool) -> Finding:
    name = credential.provider
    if credential.status == "not_needed":
        return Finding("provider", "ok", f"{name}: needs no key")
    if credential.status == "missing":
        return Finding(
            "provider", "warn" if is_chosen else "ok", f"{name}: not set up, no key", _key_remedy(credential)
        )
    if credential.in_clear:
        return Finding(
            "provider",
            "warn",
            f"{name}: key from {credential.source}, sent unencrypted",
            f"use an https address for `providers.{name}.base_url`",
        )
    return Finding("provider", "ok", f"{name}: key from {credential.source}")


def _key_remedy(credential: Credential) -> str:
    if credential.source:
        return f"set {credential.source} to use it"
    return f"name a variable with `api_key_env` in `[providers.{credential.provider}]`"


def _servers(config: Config, which: Which) -> Iterator[Finding]:
    for server in config.mcp_servers:
        if isinstance(server, HttpServer):
            yield Finding("mcp server", "ok", f"{server.name}: {server.transport}")
        elif not isinstance(server, StdioServer):
            continue  # settings cannot name one that is a client
        elif which(server.command):
            yield Finding("mcp server", "ok", f"{server.name}: `{server.command}`")
        else:
            yield Finding(
                "mcp server",
                "warn",
                f"{server.name}: there is no program `{server.command}`",
                f"install it or correct `mcp_servers.{server.name}.command`",
            )


def _sandbox(config: Config, kernel: Support) -> Finding:
    if config.sandbox == "off":
        remedy = 'set `sandbox = "auto"` to let the kernel confine them'
        return Finding("sandbox", "warn", "commands may change every file that you may", remedy)
    if kernel.extent == "whole":
        text = f"commands change only the session's folders ({kernel.text})"
        return Finding("sandbox", "ok", text)
    if config.sandbox == "require":
        remedy = 'set `sandbox = "auto"` to work without, in a container or virtual machine best'
        return Finding("sandbox", "fail", f"is required, and missing: {kernel.text}", remedy)
    how_far = "not" if kernel.extent == "none" else "not completely"
    return Finding("sandbox", "warn", f"commands are {how_far} confined: {kernel.text}")


def _tools(which: Which) -> Iterator[Finding]:
    for name, without in (
        ("rg", "searching works without it, slower"),
        ("git", "the model cannot use version control"),
        ("bash", "commands run in the system's own shell"),
    ):
        found = which(name)
        if found:
            yield Finding("tool", "ok", f"{name}: {found}")
        else:
            yield Finding("tool", "warn", f"{name}: not found; {without}", f"install `{name}`")


def _editors(home: Path | None, which: Which) -> Iterator[Finding]:
    found = [(name, editor) for name, editor in EDITORS.items() if _has_editor(editor, home, which)]
    for name, editor in found:
        yield Finding("editor", "ok", editor.title, f"acp-agent editor-config {name}")
    if not found:
        known = ", ".join(EDITORS)
        yield Finding(
            "editor", "warn", f"none found; known are {known}", "acp-agent editor-config NAME works anyway"
        )


def _has_editor(editor: Editor, home: Path | None, which: Which) -> bool:
    if any(which(command) for command in editor.commands):
        return True
    return home is not None and any((home / folder).is_dir() for folder in editor.folders)
