"""What is chosen in one editor, through the installed command, until another process takes it up."""

from __future__ import annotations

from typing import Any

from tests.interop.conftest import OpenEditor
from tests.interop.stage import Stage

SETTINGS = '[providers.openai]\nmodels = [{ id = "test-model", thinks = true }]\n'


def values(options: Any) -> dict[str, Any]:
    return {option.id: option.current_value for option in options}


async def test_the_next_process_starts_with_what_was_chosen_last(
    stage: Stage, open_editor: OpenEditor
) -> None:
    stage.home.mkdir(exist_ok=True)
    (stage.home / "config.toml").write_text(SETTINGS, encoding="utf-8")
    editor = await open_editor("say: ok\nusage: 10 2")
    session = await editor.open()
    await editor.connection.set_config_option("thought_level", session.id, "high")
    answer = await editor.connection.set_config_option("mode", session.id, "auto")
    assert values(answer.config_options)["thought_level"] == "high"
    await session.ask("think")
    assert stage.models[0].requests[-1].body["reasoning_effort"] == "high"
    await stage.end(editor.agent)

    later = await open_editor()
    opened = await later.connection.new_session(str(stage.cwd), mcp_servers=[])
    found = values(opened.config_options)
    assert (found["thought_level"], found["mode"]) == ("high", "ask")  # nothing begins in a dangerous mode
    loaded = await later.connection.load_session(str(stage.cwd), session.id, [])
    assert values(loaded.config_options)["mode"] == "auto"  # what was chosen for a session stays its own
