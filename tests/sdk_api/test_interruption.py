"""What programs do to an agent in the middle of its work: interrupt it, fork, let it die."""

from __future__ import annotations

import os

import pytest

from tests.sdk_api.conftest import TALK, Home

posix = pytest.mark.skipif(os.name == "nt", reason="there is no fork, and no signal to the process itself")

CREATE = """\
import os, signal, sys, threading, time, warnings
from acp_agent import Agent, tool
agent = Agent.create({"model": "scripted/script", "providers": {"scripted": {"script": sys.argv[1]}}})
session = agent.session("workspace", permissive=True)
"""


@pytest.fixture
def script(home: Home) -> str:
    path = home.folder / "talk.script"
    path.write_text(TALK, encoding="utf-8")
    return str(path)


@posix
def test_ctrl_c_ends_the_run_before_it_is_heard_of(home: Home, script: str) -> None:
    told = home.run(
        f"""{CREATE}
def interrupt():
    while session.current_run() is None:
        time.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    session.send("forever")
except KeyboardInterrupt:
    print([run.status for run in session.runs()], session.send("hi").text)
""",
        script,
    )
    assert told == "['cancelled'] Hello! You said hi\n"


@posix
def test_a_process_that_was_forked_off_is_told_to_make_an_agent_of_its_own(home: Home, script: str) -> None:
    told = home.run(
        f"""{CREATE}
warnings.simplefilter("ignore")  # later versions of Python warn of any fork
session.send("hi")
child = os.fork()
if not child:
    for use in (lambda: session.send("x"), lambda: session.stream("x"), lambda: agent.session(".")):
        try:
            use()
        except RuntimeError as error:
            print(error)
    print(len(session.history()), agent.list_sessions())
    session.close()
    agent.close()
    sys.exit()
os.waitpid(child, 0)
print(session.send("still here").text)
""",
        script,
    )
    refused = "the agent is in the process this one was forked from; create one after `fork`\n"
    assert told == refused * 3 + "2 []\nHello! You said still here\n"


def test_an_agent_whose_loop_has_died_is_closed(home: Home, script: str) -> None:
    told = home.run(
        f"""{CREATE}
class Fatal(BaseException):
    pass

@tool
def die() -> str:
    "Die."
    raise Fatal

threading.excepthook = lambda args: None
session = agent.session("workspace", tools=[die])
try:
    session.tool("die", {{}})
except BaseException as error:
    print(type(error).__name__)
agent.close()
print(agent.is_closed(), session.is_closed())
""",
        script,
    )
    assert told == "Fatal\nTrue True\n"
