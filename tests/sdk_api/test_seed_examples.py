"""The examples of the documents that describe this library, each run as a program of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acp_agent.testing.model_server import ModelServer
from tests.sdk_api.conftest import Home

SCRIPT = """\
closing: Done.
say: It is in auth.py.
usage: 30 12
when: Refactor the
call: ls {"path": "."}
---
say: Refactored the module.
usage: 40 8
"""

AGENT_HCL = """
default_model = "openai/gpt-4o-mini"   # the one that is asked

providers {{
  name     = "openai"
  api_key  = env("OPENAI_API_KEY")
  base_url = "{url}"

  models {{ id = "gpt-4o-mini" name = "Small" attachment = true }}
  models {{ id = "gpt-4o" name = "Large" attachment = true limit {{ context = 128000 output = 4096 }} }}
}}

queue {{ query_max_concurrency = 4 }}
search {{ timeout = 10 }}
"""

AGENT_ACL = """
default_model: "openai/MiniMax-M2.7-highspeed"
providers "openai" {{
  apiKey = env("OPENAI_API_KEY")
  baseUrl = "{url}"
  models "MiniMax-M2.7-highspeed" {{ name = 'MiniMax' attachment = true }}
}}
auto_delegation {{ enabled = true }}
"""


@pytest.fixture
def example(home: Home, serve: Callable[[str], ModelServer]) -> Callable[[str], str]:
    """Runs an example where `agent.hcl`, `agent.acl` and `config.acl` are; what it prints."""
    url = serve(SCRIPT).openai_url
    home.env["OPENAI_API_KEY"] = "sk-example"
    (home.folder / "agent.hcl").write_text(AGENT_HCL.format(url=url), encoding="utf-8")
    for name in ("agent.acl", "config.acl"):
        (home.folder / name).write_text(AGENT_ACL.format(url=url), encoding="utf-8")
    (home.folder / "screenshot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 64)

    def run(text: str) -> str:
        return home.run(text.replace("a3s_code", "acp_agent"))

    return run


CREATE = """
from a3s_code import Agent, SessionOptions
agent = Agent.create("agent.hcl")
"""


def test_005_006_007_008_009_a_session_and_one_with_another_model(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
# Default session
session = agent.session("/my-project")
print(session.model)
# Session with model override
session = agent.session("/my-project", model="openai/gpt-4o")
print(session.model)
""")
    assert told.split() == ["openai/gpt-4o-mini", "openai/gpt-4o"]


def test_022_023_prompt_slots_by_assignment(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
opts = SessionOptions()
opts.role = "You are a senior Rust developer."
opts.guidelines = "Use clippy. No unwrap(). Prefer Result."
opts.response_style = "Be concise. Use bullet points."
opts.extra = "This project uses tokio and axum."
session = agent.session("/my-project", options=opts)
print(session.send("hello").text)
""")
    assert told == "It is in auth.py.\n"


def test_030_031_032_033_send(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
session = agent.session(".")
result = session.send("What files handle authentication?")
print(result.text)
print(f"Tools: {{result.tool_calls_count}}, Tokens: {{result.total_tokens}}")
""")
    assert told == "It is in auth.py.\nTools: 0, Tokens: 42\n"


def test_034_036_send_with_attachments(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
from a3s_code import Attachment
session = agent.session(".")
image = Attachment.from_file("screenshot.png")
result = session.send_with_attachments(
    "What's in this screenshot?",
    [image],
)
print(result.text)
""")
    assert told == "It is in auth.py.\n"


def test_047_057_058_059_one_stream_for_both_kinds_of_loop(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
session = agent.session(".")
# Sync iteration (works without an event loop)
for event in session.stream("Refactor the auth module"):
    if event.event_type == "text_delta":
        print(event.text, end="", flush=True)
    elif event.event_type == "tool_start":
        print(f"tool {{event.tool_name}}")
    elif event.event_type == "tool_end":
        print(f" to {{event.tool_output[:100]}}")

async def main():
    # Async iteration (inside async def)
    async for event in session.stream("Refactor the auth module"):
        if event.event_type == "text_delta":
            print(event.text, end="", flush=True)
        elif event.event_type == "end":
            print(f"; Done, {{event.total_tokens}} tokens")
            break

import asyncio
print()
asyncio.run(main())
""")
    assert "tool ls\n" in told
    assert told.endswith("Refactored the module.; Done, 48 tokens\n")


def test_064_065_066_067_068_direct_tools(example: Callable[[str], str], home: Home) -> None:
    source = home.folder / "src"
    source.mkdir()
    (source / "main.rs").write_text("fn main() {}\n", encoding="utf-8")
    told = example(f"""{CREATE}
session = agent.session(".")
print(session.read_file("src/main.rs"), end="")
session.bash("cargo test")
print(session.glob("**/*.rs"))
print(session.grep("fn main"))
session.tool("write", {{"file_path": "x.rs", "content": "..."}})
""")
    assert told.startswith("fn main() {}\nsrc/main.rs\nsrc/main.rs:1:fn main() {}")
    assert (home.folder / "x.rs").read_text(encoding="utf-8") == "..."


def test_158_quick_start_of_persistence(example: Callable[[str], str], home: Home) -> None:
    told = example(f"""{CREATE}
session = agent.session(".", SessionOptions(
    file_session_store=".a3s/sessions",
    session_id="my-session",
    auto_save=True,
))

session.send("Refactor auth")

# Resume
resumed = agent.resume_session("my-session", SessionOptions(
    file_session_store=".a3s/sessions",
))
print(len(resumed.history()))
""")
    assert told == "2\n"
    assert (home.folder / ".a3s" / "sessions" / "my-session.json").is_file()


def test_220_to_227_persistence_by_assignment(example: Callable[[str], str], home: Home) -> None:
    told = example("""
from a3s_code import Agent, SessionOptions, PermissionPolicy, FileSessionStore
agent = Agent.create(open('config.acl').read())
opts = SessionOptions()
opts.permission_policy = PermissionPolicy(default_decision="allow")
opts.session_store = FileSessionStore('./sessions')
opts.session_id = 'my-session'
opts.auto_save = True
session = agent.session('.', opts)
session.send('Start working on the task')
# Later:
resumed = agent.resume_session('my-session', opts)
resumed.send('Continue where you left off')
print(len(resumed.history()))
""")
    assert told == "4\n"


def test_115_126_lifecycle_and_registry(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
agent = Agent.create('agent.acl')
one, two = agent.session('.', session_id='b'), agent.session('.', session_id='a')
one.close()
if one.is_closed():
    # send/stream now reject with CodeError::SessionClosed
    pass
ids = agent.list_sessions()
print(ids)
agent.close_session(ids[0])
agent.close() # closes all remaining sessions + global MCP
print(agent.is_closed())
""")
    assert told == "['a']\nTrue\n"


def test_135_136_identity_labels(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent, SessionOptions
agent = Agent.create('agent.acl')
opts = SessionOptions(
    tenant_id='acme-corp',
    principal='user-42',
    agent_template_id='planner-v3',
    correlation_id='trace-deadbeef',
)
session = agent.session('/repo', opts)
print(session.tenant_id, session.principal)
""")
    assert told == "acme-corp user-42\n"


def test_086_to_099_a_session_with_every_option(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
agent = Agent.create('agent.acl')
session = agent.session('/repo',
    model='openai/MiniMax-M2.7-highspeed',
    builtin_skills=True,
    planning_mode='enabled',
    goal_tracking=True,
    auto_delegation={'enabled': True, 'max_tasks': 4},
    auto_parallel=False,
)
result = session.send('Review this repository and list release blockers')
print(result.text)
print(result.total_tokens)
print(result.verification_status)
answer = session.btw('What files has this session already inspected?')
print(answer.answer)
""")
    assert told == "It is in auth.py.\n42\nskipped\nIt is in auth.py.\n"


def test_100_101_a_stream_read_by_hand(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
session = Agent.create('agent.acl').session('.')
stream = session.stream('Refactor the focused tests and explain failures')
while True:
    event, done = stream.next()
    if done:
        break
    if not event:
        continue
    if event.text and event.event_type == 'text_delta':
        print(event.text, end='')
    if event.tool_name and event.event_type == 'tool_start':
        print('tool:', event.tool_name)
""")
    assert told == "tool: ls\nRefactored the module."


def test_138_to_146_run_replay(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
session = Agent.create('agent.acl').session('.')
session.send('Do some work')
runs = session.runs()
latest = runs[-1]
print(session.run_snapshot(latest.id).status, len(session.run_events(latest.id)) > 3)
current = session.current_run()
if current and current.id and current.status == 'running':
    session.cancel_run(current.id)
for run in session.runs():
    print(f'Run: {run.status}')
    events = session.run_events(run.id)
for msg in session.history():
    print(f'[{msg.role}] {msg.content[:80]}')
""")
    assert told == "completed True\nRun: completed\n[user] Do some work\n[assistant] It is in auth.py.\n"


def test_147_148_a_session_of_an_agent_definition(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
agent = Agent.create('agent.acl')
session = agent.session_for_agent('/repo', 'explore', ['./agents'], {'builtin_skills': True})
print('write' in session.tool_names, 'read' in session.tool_names)
""")
    assert told == "False True\n"
