"""Profiles: how a known agent is started against the scripted model. Data in `profiles/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.conformance.model import ToolUse

_FOLDER = Path(__file__).parent / "profiles"
GENERIC = "generic"


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one agent is started.

    In `env` values, `files` contents and `args`, these are replaced: `{openai_url}`, `{anthropic_url}`,
    `{gemini_url}`, `{home}`, `{workspace}`, `{key}`.

    Attributes:
        programs: names of programs the profile is chosen for.
        args: added behind the command.
        env: the environment beside what every agent gets (`PATH`, `HOME` and the like).
        files: written into the agent's home before it starts; path → content.
        tools: how its tools are called, where names and parameters do not tell.
        plays_scripts: whether the agent has no model and plays the line in the prompt itself.
        start_time: seconds it may take to answer `initialize`.
    """

    name: str
    title: str = ""
    programs: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    tools: dict[str, ToolUse] = {}
    plays_scripts: bool = False
    start_time: float = 30.0


def bundled() -> dict[str, Profile]:
    """The profiles that come with the package, by name."""
    profiles = [_read(file) for file in sorted(_FOLDER.glob("*.toml"))]
    return {profile.name: profile for profile in profiles}


def find_profile(wanted: str, command: Sequence[str]) -> Profile:
    """The profile called `wanted` or in that file; if empty, the one for this command, or the generic one.

    Raises:
        ConfigError: there is none, or the file cannot be understood.
    """
    profiles = bundled()
    if not wanted:
        programs = {Path(word).stem for word in command}
        fitting = (profile for profile in profiles.values() if programs & set(profile.programs))
        return next(fitting, profiles[GENERIC])
    if wanted in profiles:
        return profiles[wanted]
    if wanted.endswith(".toml"):
        return _read(Path(wanted))
    raise ConfigError(
        f"no profile `{wanted}`", hint=f"use a .toml file or one of these: {', '.join(profiles)}"
    )


def filled(template: str, places: Mapping[str, str]) -> str:
    """The template with `{name}` replaced for each of the places."""
    for name, value in places.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _read(file: Path) -> Profile:
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Profile)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ConfigError(
            f"cannot read the profile `{file}`: {exc}", hint="see docs/conformance.md for its format"
        ) from exc
