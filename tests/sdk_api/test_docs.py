"""The pages about the library: each of their programs is run, and the reference is up to date."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import acp_agent
from acp_agent.sdk.embed import errors
from acp_agent.sdk.embed.options.session_options import NAMES
from docs import reference
from tests.sdk_api.conftest import TALK, Home
from tests.sdk_api.test_sending import PNG

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "sdk.md", *sorted(DOCS.glob("sdk/*.md")))
}
PROGRAMS = [
    pytest.param(program, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, program in enumerate(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_on_the_pages_runs(home: Home, program: str) -> None:
    (home.folder / "talk.script").write_text(TALK, encoding="utf-8")
    (home.folder / "screen.png").write_bytes(PNG)
    (home.folder / "agent.toml").write_text(
        'model = "scripted/script"\n[providers.scripted]\nscript = "talk.script"\n', encoding="utf-8"
    )
    home.env["OPENAI_API_KEY"] = base64.b64encode(b"key").decode()
    assert home.run(program) or "print" not in program or "confirm" in program


def test_every_option_and_every_code_is_on_the_pages() -> None:
    told = "".join(page for name, page in PAGES.items() if name != "decisions")
    assert [name for name in sorted(NAMES - {"prompt_slots"}) if f"`{name}`" not in told] == []
    codes = {str(getattr(kind, "code", "internal")) for kind in vars(errors).values()}
    assert [code for code in sorted(codes - {"internal"}) if f"`{code}`" not in told] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    missing = [
        f"{name}: {link}"
        for name, page in PAGES.items()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page)
        if not ((DOCS if name == "sdk" else DOCS / "sdk") / link).exists()
    ]
    assert missing == []
    listed = set(re.findall(r"\]\(sdk/(\w+)\.md\)", PAGES["sdk"]))
    assert listed == set(PAGES) - {"sdk"}


def test_the_reference_is_what_the_code_says() -> None:
    made = reference.render()
    assert PAGES["reference"] == made, "run `python -m docs.reference`"


def test_every_name_of_the_library_can_be_had_and_nothing_is_loaded_before(home: Home) -> None:
    assert all(getattr(acp_agent, name) is not None for name in dir(acp_agent))
    loaded = home.run(
        "import acp_agent, sys; print([name for name in sys.modules if 'anyio' in name or 'sdk' in name])"
    )
    assert loaded == "[]\n"
    with pytest.raises(AttributeError, match="no attribute `Nothing`"):
        acp_agent.Nothing  # type: ignore[attr-defined] # noqa: B018
