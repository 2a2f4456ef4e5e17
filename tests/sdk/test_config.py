"""What a configuration is made of and who wins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.mcp import HttpServer, StdioServer
from acp_agent.model.session import ModelInfo
from acp_agent.sdk.credentials import credentials
from acp_agent.sdk.model_choice import split_model
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.secret import Secret
from acp_agent.sdk.settings.store import open_store

Load = Callable[..., Config]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path / "home")


@pytest.fixture
def load(places: Places) -> Load:
    """Load with this content as the user's file."""

    def load(
        toml: str = "", *, env: Mapping[str, str] | None = None, cli: Mapping[str, str] | None = None
    ) -> Config:
        assert places.config_file is not None
        if toml:
            places.config_file.write_text(toml, "utf-8")
        return load_config(cwd=None, env=env or {}, cli=cli, paths=places)

    return load


def test_nothing_configured_gives_the_tour_and_safe_defaults(load: Load, places: Places) -> None:
    config = load()
    assert (config.model, config.mode, config.max_steps, config.max_frame_mib) == (
        "scripted/tour",
        "ask",
        50,
        64,
    )
    assert places.data_dir is not None
    assert config.store_path == places.data_dir / "sessions.db"
    assert [provider.name for provider in config.providers] == ["anthropic", "openai", "scripted"]
    assert (config.mcp_servers, config.ignored, config.files) == ((), (), ())


@pytest.mark.parametrize(
    ("setting", "file", "variable", "values"),
    [
        ("model", "model", "ACP_AGENT_MODEL", ("openai/a", "openai/b", "openai/c")),
        ("mode", "mode", "ACP_AGENT_MODE", ("plan", "auto", "accept-edits")),
        ("store", "store", "ACP_AGENT_STORE", ("sqlite:///a.db", "sqlite:///b.db", "memory:")),
        ("log_level", "log_level", "ACP_AGENT_LOG_LEVEL", ("error", "info", "debug")),
    ],
)
def test_command_line_beats_environment_beats_file(
    load: Load, setting: str, file: str, variable: str, values: tuple[str, str, str]
) -> None:
    from_file, from_env, from_cli = values
    toml = f'{file} = "{from_file}"'
    assert getattr(load(toml), setting) == from_file
    assert getattr(load(toml, env={variable: from_env}), setting) == from_env
    assert getattr(load(toml, env={variable: from_env}, cli={setting: from_cli}), setting) == from_cli


def test_the_sandbox_comes_from_the_environment_too(load: Load, places: Places) -> None:
    assert (load().sandbox, load().sandbox_writable) == ("auto", ())
    config = load('sandbox = "off"\nsandbox_writable = ["~/.cache"]', env={"ACP_AGENT_SANDBOX": "require"})
    assert places.home is not None
    assert (config.sandbox, config.sandbox_writable) == ("require", (places.home / ".cache",))
    with pytest.raises(ConfigError, match="`ACP_AGENT_SANDBOX`: unknown value `yes`"):
        load(env={"ACP_AGENT_SANDBOX": "yes"})
    with pytest.raises(ConfigError, match="`sandbox_writable`: `here` is not an absolute path"):
        load('sandbox_writable = ["here"]')


def test_numbers_come_from_the_environment_too(load: Load) -> None:
    config = load("max_steps = 5", env={"ACP_AGENT_MAX_STEPS": "7", "ACP_AGENT_MAX_FRAME_MIB": "8"})
    assert (config.max_steps, config.max_frame_mib) == (7, 8)


def test_an_empty_variable_is_not_set(load: Load) -> None:
    config = load('mode = "plan"', env={"ACP_AGENT_MODE": "", "OPENAI_API_KEY": ""})
    assert (config.mode, config.model) == ("plan", "scripted/tour")


def test_model_may_be_written_with_either_separator(load: Load) -> None:
    assert load('model = "openai:gpt-5"').model == "openai/gpt-5"
    assert load('model = "openrouter/vendor/model:free"').model == "openrouter/vendor/model:free"
    assert load('model = "ollama:qwen3:8b"').model == "ollama/qwen3:8b"


@given(st.from_regex(r"[a-z][a-z0-9_-]*", fullmatch=True), st.from_regex(r"[^\s]+", fullmatch=True))
def test_splitting_a_model_undoes_joining_it(provider: str, model: str) -> None:
    assert split_model(f"{provider}/{model}") == (provider, model)
    assert split_model(f"{provider}:{model}") == (provider, model)


@pytest.mark.parametrize(
    ("env", "model"),
    [
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic/claude-sonnet-4-5"),
        ({"OPENAI_API_KEY": "k"}, "openai/gpt-5"),
        ({}, "work/big"),
    ],
)
def test_default_model_is_that_of_the_first_usable_provider(
    load: Load, env: Mapping[str, str], model: str
) -> None:
    toml = """
    [providers.keyless]
    type = "openai"
    base_url = "https://models.example.com/v1"
    models = ["never"]
    [providers.work]
    type = "openai"
    base_url = "http://127.0.0.1:9/v1"
    models = ["big", "small"]
    """
    assert load(toml, env=env).model == model


def test_a_script_is_also_the_choice_of_its_model(load: Load) -> None:
    config = load('model = "openai/gpt-5"', env={"ACP_AGENT_SCRIPT": "/tmp/a.script"})
    assert config.model == "scripted/script"
    assert config.provider("scripted").script == Path("/tmp/a.script").absolute()
    config = load(env={"ACP_AGENT_MODEL": "openai/x"}, cli={"script": "/tmp/b.script"})
    assert config.model == "scripted/script"
    config = load(env={"ACP_AGENT_MODEL": "openai/x", "ACP_AGENT_SCRIPT": "/tmp/a.script"})
    assert config.model == "openai/x"


def test_a_known_provider_is_there_as_soon_as_a_model_names_it(load: Load) -> None:
    config = load(env={"ACP_AGENT_MODEL": "ollama/qwen3"})
    assert config.provider("ollama").base_url == "http://localhost:11434/v1"
    assert config.provider("ollama").usable


def test_a_file_named_explicitly_replaces_the_users_and_must_exist(load: Load, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('mode = "auto"', "utf-8")
    assert load('mode = "plan"', cli={"config": str(other)}).mode == "auto"
    assert load('mode = "plan"', env={"ACP_AGENT_CONFIG": str(other)}).mode == "auto"
    with pytest.raises(ConfigError, match="no such file"):
        load(cli={"config": str(tmp_path / "missing.toml")})


def test_listed_models_override_what_is_known_of_them(load: Load) -> None:
    config = load("""
    [providers.openai]
    models = ["plain", { id = "tuned", context_size = 99, takes_images = false, input_price = 1 }]
    """)
    plain, tuned = config.provider("openai").models
    info = ModelInfo("openai/tuned", "Tuned", max_output=7)
    assert plain.applied_to(info) == info
    assert tuned.applied_to(info) == ModelInfo(
        "openai/tuned", "Tuned", context_size=99, max_output=7, input_price=1, takes_images=False
    )


def test_store_is_an_absolute_file_or_memory(load: Load, places: Places) -> None:
    assert load('store = "memory:"').store_path is None
    assert load('store = "sqlite:///var/x.db"').store_path == Path("/var/x.db")
    assert places.home is not None
    assert load('store = "sqlite:///~/x.db"').store_path == places.home / "x.db"
    assert load('store = "sqlite"').store_path == load("").store_path
    for wrong in ("sqlite://x.db", "mysql://x", "sqlite:///", "x.db", "file:x", "file:", "", "sqlite:"):
        with pytest.raises(ConfigError, match="`store`"):
            load(f'store = "{wrong}"')


def test_store_may_be_a_directory_of_files(load: Load, places: Places) -> None:
    assert places.home is not None
    for written, path in (
        ("file:/var/sessions", Path("/var/sessions")),
        ("file:///var/sessions", Path("/var/sessions")),
        ("file:~/sessions", places.home / "sessions"),
        ("file:///~/sessions", places.home / "sessions"),
    ):
        config = load(f'store = "{written}"')
        assert (config.store_choice.kind, config.store_path) == ("file", path)
        assert config.store == f"file:{path.as_posix()}"


def test_store_may_be_a_database_whose_password_is_never_shown(load: Load) -> None:
    address = "postgresql://me:hunter2@db.example/agents?password=hunter3"
    config = load(f'store = "{address}"')
    assert (config.store_choice.kind, config.store_path) == ("postgres", None)
    assert config.store_choice.address == Secret(address)
    assert config.store == "postgresql://me@db.example/agents"
    assert "hunter" not in f"{config!r} {config.store_choice!r}"
    with pytest.raises(ConfigError) as caught:
        load(f'store = "{address.removeprefix("post")}"')
    assert "hunter" not in str(caught.value)


def test_every_store_that_can_be_named_can_be_opened(load: Load, tmp_path: Path) -> None:
    names = {
        type(open_store(load(f'store = "{store}"').store_choice)).__name__
        for store in ("memory:", "sqlite", f"file:{tmp_path.as_posix()}/s", "postgresql://me@localhost/x")
    }
    assert names == {"MemoryStore", "SqliteStore", "FileStore", "PostgresStore"}
    assert not (tmp_path / "s").exists()


def test_without_any_home_nothing_is_kept() -> None:
    config = load_config(cwd=None, env={}, paths=Places(None, None))
    assert (config.store, config.model) == ("memory:", "scripted/tour")


def test_mcp_servers_of_both_kinds(load: Load) -> None:
    config = load("""
    [mcp_servers.local]
    command = "serve"
    args = ["--fast"]
    env = { TOKEN = "s3cret" }
    [mcp_servers.remote]
    url = "https://mcp.example.com"
    type = "sse"
    headers = { Authorization = "Bearer s3cret" }
    """)
    assert config.mcp_servers == (
        StdioServer("local", "serve", ("--fast",), (("TOKEN", "s3cret"),)),
        HttpServer("remote", "https://mcp.example.com", (("Authorization", "Bearer s3cret"),), "sse"),
    )
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    "toml",
    [
        "[mcp_servers.x]",
        '[mcp_servers.x]\ncommand = "a"\nurl = "https://b"',
        '[mcp_servers.x]\ncommand = "a"\nheaders = {A = "b"}',
        '[mcp_servers.x]\nurl = "https://b"\nargs = ["a"]',
        '[mcp_servers.x]\nurl = "ftp://b"',
        '[mcp_servers.x]\nurl = "https://b"\ntype = "stdio"',
    ],
)
def test_an_mcp_server_is_either_a_command_or_a_url(load: Load, toml: str) -> None:
    with pytest.raises(ConfigError, match=r"`mcp_servers\.x"):
        load(toml)


def test_keys_never_show_in_a_repr(load: Load) -> None:
    config = load(
        """
        [providers.work]
        type = "openai"
        base_url = "https://models.example.com"
        api_key = "sk-file"
        headers = { Authorization = "sk-header" }
        """,
        env={"OPENAI_API_KEY": "sk-env"},
    )
    assert config.provider("work").api_key == Secret("sk-file")
    shown = f"{config!r} {config} {config.provider('work').api_key} {credentials(config)}"
    assert "sk-" not in shown


def test_endpoints_and_keys_from_the_standard_variables(load: Load) -> None:
    env = {
        "OPENAI_API_KEY": "a",
        "OPENAI_BASE_URL": "http://localhost:1/v1/",
        "ANTHROPIC_API_KEY": "b",
        "ANTHROPIC_BASE_URL": "https://proxy.example.com",
    }
    config = load('[providers.openai]\nbase_url = "https://file.example.com"\napi_key = "file"', env=env)
    openai, anthropic = config.provider("openai"), config.provider("anthropic")
    assert (openai.base_url, openai.api_key) == ("http://localhost:1/v1", Secret("a"))
    assert (anthropic.base_url, anthropic.api_key) == ("https://proxy.example.com", Secret("b"))


def test_a_key_never_travels_to_an_address_it_was_not_written_for(load: Load) -> None:
    own = '[providers.openai]\nbase_url = "https://file.example.com"\n'
    env = {"OPENAI_API_KEY": "standard"}
    assert load(own + 'api_key = "file"', env=env).provider("openai").api_key == Secret("file")
    assert load(own + 'api_key_env = "OTHER"', env=env).provider("openai").api_key is None
    assert load(own, env=env).provider("openai").api_key == Secret("standard")
    assert load('[providers.openai]\napi_key = "file"', env=env).provider("openai").api_key == Secret(
        "standard"
    )


def test_credentials_tell_which_providers_can_be_used(load: Load) -> None:
    config = load(
        """
        [providers.ollama]
        [providers.remote]
        type = "anthropic"
        base_url = "http://remote.example.com"
        api_key_env = "REMOTE_KEY"
        [providers.lookalike]
        type = "openai"
        base_url = "http://127.0.evil.example/v1"
        """,
        env={"REMOTE_KEY": "k"},
    )
    found = {entry.provider: (entry.status, entry.in_clear) for entry in credentials(config)}
    assert found == {
        "anthropic": ("missing", False),
        "openai": ("missing", False),
        "scripted": ("not_needed", False),
        "ollama": ("not_needed", False),
        "remote": ("found", True),
        "lookalike": ("missing", True),
    }


def test_misspelt_variables_are_reported(load: Load) -> None:
    (message,) = load(env={"ACP_AGENT_MAX_STEP": "x", "ACP_AGENT_HOME": "/x"}).ignored
    assert message.startswith(
        "environment variable `ACP_AGENT_MAX_STEP` is not known; did you mean `ACP_AGENT_MAX_STEPS`"
    )


def test_loading_settings_loads_no_heavy_module() -> None:
    code = (
        "import sys\n"
        "from acp_agent.sdk.settings.config import load_config\n"
        "load_config(cwd=None, env={'ACP_AGENT_HOME': '/nonexistent'})\n"
        "heavy = {'pydantic', 'anyio', 'asyncio', 'httpx', 'mcp', 'tomllib', 'difflib', 'argparse'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == ""
