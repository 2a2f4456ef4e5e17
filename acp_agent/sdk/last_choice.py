"""What the user chose last, in whatever session: new sessions begin with it where no setting says otherwise.

A small private file in the data folder. It holds conveniences, so nothing waits for it and nothing fails
because of it; and it is never the reason why something runs unasked.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.engine.options import MODE, MODEL
from acp_agent.sdk.private_file import write_private
from acp_agent.sdk.settings.file import read_bytes

logger = logging.getLogger(__name__)

RESTORED_MODES = ("ask", "plan")
"""Modes a session may begin in because another one was put into them: nothing is changed unasked in these."""


class LastChoice(msgspec.Struct, frozen=True):
    """Content of the file; empty where nothing was chosen, or nothing that may be taken up again."""

    model: str = ""
    mode: str = ""
    options: dict[str, str | bool] = {}


def choice_file(places: Places) -> Path | None:
    """Where the last choices are kept; None without a data folder."""
    return places.data_dir / "last_choice.json" if places.data_dir else None


def read_last_choice(places: Places) -> LastChoice:
    """The last choices; none if there is no file that can be read. Of modes, only a careful one."""
    path = choice_file(places)
    return _read(path) if path else LastChoice()


def save_choices(path: Path, noted: Mapping[str, str | bool]) -> None:
    """Add what was chosen, by option id, to the file.

    Raises:
        ConfigError: it cannot be written.
    """
    last = _read(path)  # other processes of the user write it, too
    options = dict(last.options)
    model, mode = last.model, last.mode
    for option_id, value in noted.items():
        if option_id == MODEL:
            model = str(value)
        elif option_id == MODE:
            mode = str(value) if value in RESTORED_MODES else ""
        else:
            options[option_id] = value
    now = LastChoice(model, mode, options)
    if now != last:
        write_private(path, msgspec.json.format(msgspec.json.encode(now)))


def _read(path: Path) -> LastChoice:
    try:
        content = read_bytes(path)
        last = LastChoice() if content is None else msgspec.json.decode(content, type=LastChoice)
    except (ConfigError, msgspec.MsgspecError, UnicodeError) as exc:
        logger.warning("`%s` is ignored: %s", path, exc)
        return LastChoice()
    return last if last.mode in RESTORED_MODES else msgspec.structs.replace(last, mode="")
