"""Settings given as text: command-line options and `ACP_AGENT_…` variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.settings.file import (
    LOG_LEVELS,
    MAX_FRAME_MIB,
    MAX_STEPS,
    MODE_IDS,
    SANDBOX_CHOICES,
    SettingsFile,
    check_choice,
    nearest,
)
from acp_agent.sdk.settings.presets import SCRIPT_MODEL

CLI_NAMES: dict[str, str] = {
    "model": "model",
    "mode": "mode",
    "store": "store",
    "script": "script",
    "config": "config",
    "log_level": "log_level",
}
"""Setting to option name; the names are alike so that an option reads as its setting."""

ENV_NAMES: dict[str, str] = {
    "model": "ACP_AGENT_MODEL",
    "mode": "ACP_AGENT_MODE",
    "store": "ACP_AGENT_STORE",
    "script": "ACP_AGENT_SCRIPT",
    "config": "ACP_AGENT_CONFIG",
    "log_level": "ACP_AGENT_LOG_LEVEL",
    "sandbox": "ACP_AGENT_SANDBOX",
    "max_steps": "ACP_AGENT_MAX_STEPS",
    "max_frame_mib": "ACP_AGENT_MAX_FRAME_MIB",
}
"""Setting to environment variable."""

_OTHER_VARIABLES = ("ACP_AGENT_HOME",)


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What one place says. `model_name` is the name `settings.model` was found under, for people."""

    settings: SettingsFile
    model_name: str
    script: Path | None = None
    config: Path | None = None


def read_overrides(values: Mapping[str, str], names: Mapping[str, str]) -> Overrides:
    """The settings in `values`, found under `names`; empty values are not set.

    A script without a model beside it is also the choice of the model that plays it.

    Raises:
        ConfigError: a value cannot be used; names it.
    """
    said = {setting: values[name] for setting, name in names.items() if values.get(name)}
    for setting, choices in (("mode", MODE_IDS), ("log_level", LOG_LEVELS), ("sandbox", SANDBOX_CHOICES)):
        check_choice(said.get(setting), choices, names.get(setting, ""))
    script, model = said.get("script"), said.get("model")
    return Overrides(
        settings=SettingsFile(
            model=model or (SCRIPT_MODEL if script else None),
            mode=said.get("mode"),
            store=said.get("store"),
            log_level=said.get("log_level"),
            sandbox=said.get("sandbox"),
            max_steps=_number(said.get("max_steps"), MAX_STEPS, names.get("max_steps", "")),
            max_frame_mib=_number(said.get("max_frame_mib"), MAX_FRAME_MIB, names.get("max_frame_mib", "")),
        ),
        model_name=names["model"] if model or not script else names["script"],
        script=Path(script).absolute() if script else None,
        config=Path(said["config"]).absolute() if "config" in said else None,
    )


def unknown_variables(env: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for every `ACP_AGENT_…` variable that means nothing, because it is likely misspelt."""
    known = (*ENV_NAMES.values(), *_OTHER_VARIABLES)
    return tuple(
        f"environment variable `{name}` is not known{nearest(name, known)}"
        for name in env
        if name.startswith("ACP_AGENT_") and name not in known
    )


def _number(text: str | None, largest: int, name: str) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= largest:
        raise ConfigError(f"`{name}`: expected a whole number from 1 to {largest}")
    return int(text)
