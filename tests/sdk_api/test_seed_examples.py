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
    assert told.startswith("fn main() {}\n['src/main.rs']\nsrc/main.rs:1:fn main() {}")
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
print(session.model)
""")
    text, tokens, *rest = told.splitlines()
    assert (text, tokens.isdigit()) == ("It is in auth.py.", True)
    assert rest == ["skipped", "It is in auth.py.", "openai/MiniMax-M2.7-highspeed"]


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


def test_010_020_021_slots_as_an_object_and_as_a_mapping(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
from a3s_code import SystemPromptSlots
session = agent.session("/my-project", SessionOptions()
    .with_prompt_slots(SystemPromptSlots(
        role="You are a senior Rust developer.",
        guidelines="Use clippy. No unwrap(). Prefer Result.",
        response_style="Be concise. Use bullet points.",
        extra="This project uses tokio and axum.",
    ))
)
print(session.send("hello").text)
session = agent.session('/my-project', {{
    'role': 'You are a senior Rust developer.',
    'guidelines': 'Use clippy. No unwrap(). Prefer Result.',
    'responseStyle': 'Be concise. Use bullet points.',
    'extra': 'This project uses tokio and axum.',
}})
print(session.send("hello").text)
session = agent.session('/my-project', {{'model': 'openai/gpt-4o'}})
print(session.model, agent.session('/my-project', SessionOptions().with_model("openai/gpt-4o")).model)
""")
    assert told == "It is in auth.py.\nIt is in auth.py.\nopenai/gpt-4o openai/gpt-4o\n"


def test_025_to_029_error_recovery(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
session = agent.session(".", SessionOptions()
    .with_parse_retries(3)        # bail after 3 consecutive parse errors
    .with_tool_timeout(30_000)    # 30s per tool
    .with_circuit_breaker(5)      # retry LLM up to 5 times
)
print(session.send("hello").text)
# sensible bundle (parse=2, timeout=2min, circuit_breaker=3)
session = agent.session(".", SessionOptions().with_resilience_defaults())
print(session.send("hello").usage.total_tokens)
""")
    assert told == "It is in auth.py.\n42\n"


def test_037_038_040_attachments_from_bytes_as_a_literal_and_streamed(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
from a3s_code import Attachment
session = agent.session(".")
raw_bytes = open("screenshot.png", "rb").read()
image = Attachment.jpeg(raw_bytes)
result = session.send_with_attachments("What's in this screenshot?", [image], None)
print(result.text)
result = session.send_with_attachments(
    "What's in this screenshot?",
    [{{'data': raw_bytes, 'mediaType': 'image/png'}}],
)
print(result.text)
stream = session.stream_with_attachments(
    "Describe this diagram", [Attachment.from_file("screenshot.png")], None,
)
print([event.event_type for event in stream][-1])
""")
    assert told == "It is in auth.py.\nIt is in auth.py.\nend\n"


def test_042_to_046_a_tool_with_pictures(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
from a3s_code import Attachment, ToolOutput

class Screenshot:
    name = "screenshot"
    description = "Take a screenshot."
    parameters = {{"type": "object", "properties": {{}}}}

    async def execute(self, args, ctx):
        screenshot_bytes = open("screenshot.png", "rb").read()
        return (ToolOutput.success("Screenshot captured")
            .with_images([Attachment.png(screenshot_bytes)]))

session = agent.session(".", tools=[Screenshot()])
result = session.tool("screenshot", {{}})
print(result.output, len(result.images))
""")
    assert told == "Screenshot captured 1\n"


def test_047_048_054_055_streams_matched_and_read_by_hand(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
session = agent.session(".")
for event in session.stream("Refactor the auth module"):
    match event.event_type:
        case "text_delta": print(event.text, end="")
        case "tool_start": print(f"[{{event.name}}]", end="")
        case "end":
            print(f" Done: {{event.usage.total_tokens}} tokens")
            break
        case _: pass    # required: there will be further kinds
stream2 = session.stream('Explain src/main.rs')
while True:
    value, done = stream2.next()
    if done: break
    if value.type == 'text_delta': print(value.text, end="")
""")
    assert told == "[ls]Refactored the module. Done: 48 tokens\nIt is in auth.py."


def test_060_to_063_a_conversation_of_ones_own(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
from a3s_code import ContentBlock, Message
session = agent.session(".")
history = [
    Message.user("What's in src/?"),
    Message(
        role="assistant",
        blocks=(ContentBlock("text", text="The src/ directory contains main.rs and lib.rs."),),
        reasoning_content=None,
    ),
]
# Continue the conversation
result = session.send_with_history(history, "Now explain main.rs")
print(result.text, len(result.messages), len(session.history()))
""")
    assert told == "It is in auth.py. 4 0\n"


def test_105_106_107_203_207_209_resume_with_a_store_of_files(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent, FileSessionStore
agent = Agent.create('config.acl')
session = agent.session('.', {
    'sessionStore': FileSessionStore('./sessions'),
    'sessionId': 'my-project-review',
    'autoSave': True,
    'permissionPolicy': {'defaultDecision': 'allow'},
})
# Work happens...
session.send('Read and analyze the codebase')
# Session is auto-saved after each turn
session.close()

# Later (even after process restart):
resumed = agent.resume_session('my-project-review', {
    'sessionStore': FileSessionStore('./sessions'),
    'permissionPolicy': {'defaultDecision': 'allow'},
})
# Continues with full conversation history
result = resumed.send('What did you find in the analysis?')
print(result.text, len(resumed.history()))
""")
    assert told == "It is in auth.py. 4\n"


def test_204_205_209_210_211_212_213_manual_saves_and_the_history(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent, FileSessionStore, MemorySessionStore
agent = Agent.create('config.acl')
store = FileSessionStore('./data/sessions')
session = agent.session('.', {
    'sessionStore': store,
    'sessionId': 'manual-save-demo',
    'autoSave': False,
})
session.send('Do some work')
print(store.list())
# Explicitly save at checkpoints
session.save()
print(store.list())
for msg in session.history():
    print(f'[{msg.role}] {msg.content[:80]}')
store = MemorySessionStore()
session = agent.session('.', session_store=store, session_id='s', auto_save=True)
session.send('Do some work')
print(store.list())
""")
    assert told == ("[]\n['manual-save-demo']\n[user] Do some work\n[assistant] It is in auth.py.\n['s']\n")


def test_156_157_159_160_162_persistence_in_the_other_spellings(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
# File-based session with auto-save
session = agent.session(".", SessionOptions()
    .with_file_session_store(".a3s/sessions")
    .with_session_id("my-session")
    .with_auto_save(True)
)
result = session.send("Refactor auth", None)
# Session is auto-saved after each send()

# Manual save
session.save()

# Resume later
session = agent.resume_session("my-session", SessionOptions()
    .with_file_session_store(".a3s/sessions")
)
print(f"Resumed with {{len(session.history())}} messages")

session = agent.session('.', {{
    'fileSessionStore': '.a3s/sessions',
    'sessionId': 'other-session',
    'autoSave': True,
}})
session.send('Refactor auth')
resumed = agent.resume_session('other-session', {{
    'fileSessionStore': '.a3s/sessions',
}})
print(len(resumed.history()))
""")
    assert told == "Resumed with 2 messages\n2\n"


def test_170_to_175_a_store_of_the_program(example: Callable[[str], str]) -> None:
    told = example(f"""{CREATE}
class PostgresStore:
    def __init__(self): self.rows = {{}}
    async def save(self, session): self.rows[session.id] = session
    async def load(self, id): return self.rows.get(id)
    async def delete(self, id): self.rows.pop(id, None)
    async def list(self): return list(self.rows)
    async def exists(self, id): return id in self.rows

# Use it
store = PostgresStore()
session = agent.session(".", SessionOptions()
    .with_session_store(store)
)
session.send("hello")
session.save()
print(agent.list_saved_sessions(store) == [session.session_id])
""")
    assert told == "True\n"


def test_142_144_145_cancelling_what_is_current(example: Callable[[str], str]) -> None:
    told = example("""
from a3s_code import Agent
session = Agent.create('agent.acl').session('.')
stream = session.stream('Do some work')
current = session.current_run()
if current and current.id and current.status == 'running':
    session.cancel_run(current.id)
stream.result()
print(session.run_snapshot(current.id).status in ('cancelled', 'completed'))
""")
    assert told == "True\n"
