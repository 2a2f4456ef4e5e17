"""The editors and clients we know: how to find them, and where their settings live."""

from __future__ import annotations

import msgspec


class Editor(msgspec.Struct, frozen=True, kw_only=True):
    """One editor or client.

    Attributes:
        title: its name for people.
        templates: template file per plugin, the default first; one without a name where there is but one.
        paste: where the snippet goes.
        commands: programs on `PATH` that tell it is installed; empty if none does.
        folders: settings folders below the home folder that tell the same.
    """

    title: str
    templates: dict[str, str]
    paste: str
    commands: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


EDITORS: dict[str, Editor] = {
    "zed": Editor(
        title="Zed",
        templates={"": "zed/settings.json"},
        paste="~/.config/zed/settings.json (command palette: `zed: open settings file`)",
        commands=("zed", "zeditor"),
        folders=(".config/zed", "AppData/Roaming/Zed"),
    ),
    "neovim": Editor(
        title="Neovim",
        templates={
            "codecompanion": "neovim/codecompanion.lua",
            "agentic": "neovim/agentic.lua",
            "avante": "neovim/avante.lua",
        },
        paste="your Neovim configuration, for example ~/.config/nvim/init.lua",
        commands=("nvim",),
        folders=(".config/nvim", "AppData/Local/nvim"),
    ),
    "jetbrains": Editor(
        title="JetBrains IDEs",
        templates={"": "jetbrains/acp.json"},
        paste="~/.jetbrains/acp.json (AI Chat: `Add Custom Agent`)",
        folders=(
            ".jetbrains",
            ".config/JetBrains",
            "Library/Application Support/JetBrains",
            "AppData/Roaming/JetBrains",
        ),
    ),
    "emacs": Editor(
        title="Emacs",
        templates={"": "emacs/agent-shell.el"},
        paste="your Emacs init file, with the package `agent-shell` installed",
        commands=("emacs",),
        folders=(".emacs.d", ".config/emacs"),
    ),
    "vscode": Editor(
        title="VS Code",
        templates={"": "vscode/settings.json"},
        paste="settings.json (command palette: `Preferences: Open User Settings (JSON)`), "
        "with the extension `formulahendry.acp-client` installed",
        commands=("code", "codium"),
        folders=(".vscode",),
    ),
    "acpx": Editor(
        title="acpx",
        templates={"": "acpx/config.json"},
        paste="~/.acpx/config.json, then run `acpx acp-agent exec 'hello'`",
        commands=("acpx",),
        folders=(".acpx",),
    ),
    "toad": Editor(
        title="Toad",
        templates={"": "toad/acp-agent.sh"},
        paste="a terminal, in the project's folder",
        commands=("toad",),
    ),
}
"""The editors, by the name the command line uses."""

NEOVIM_PLUGINS: tuple[str, ...] = tuple(EDITORS["neovim"].templates)
"""The Neovim plugins there is a template for; the first is the default."""
