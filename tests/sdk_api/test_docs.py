"""The page about the library: each of its programs is run."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import acp_agent
from acp_agent.sdk.embed import errors
from acp_agent.sdk.embed.options import NAMES
from tests.sdk_api.conftest import TALK, Home
from tests.sdk_api.test_sending import PNG

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_every_program_on_the_page_runs(home: Home, program: str) -> None:
    (home.folder / "talk.script").write_text(TALK, encoding="utf-8")
    (home.folder / "screen.png").write_bytes(PNG)
    (home.folder / "agent.toml").write_text(
        'model = "scripted/script"\n[providers.scripted]\nscript = "talk.script"\n', encoding="utf-8"
    )
    home.env["OPENAI_API_KEY"] = base64.b64encode(b"key").decode()
    assert home.run(program) or "print" not in program or "confirm" in program


def test_every_option_and_every_code_is_on_the_page() -> None:
    assert [name for name in sorted(NAMES - {"prompt_slots"}) if f"`{name}`" not in PAGE] == []
    codes = {str(getattr(kind, "code", "internal")) for kind in vars(errors).values()}
    assert [code for code in sorted(codes - {"internal"}) if f"`{code}`" not in PAGE] == []


def test_every_name_of_the_library_can_be_had_and_nothing_is_loaded_before(home: Home) -> None:
    assert all(getattr(acp_agent, name) is not None for name in dir(acp_agent))
    loaded = home.run(
        "import acp_agent, sys; print([name for name in sys.modules if 'anyio' in name or 'sdk' in name])"
    )
    assert loaded == "[]\n"
    with pytest.raises(AttributeError, match="no attribute `Nothing`"):
        acp_agent.Nothing  # type: ignore[attr-defined] # noqa: B018
