"""What an agent asks while nobody waits for it: shown at once, and the line that was being typed is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

AGENT = """
import json, os, sys, threading
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def say(text):
    content = {"type": "text", "text": text}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    send(method="session/update", params={"sessionId": "s1", "update": update})
def obey():
    for order in os.fdopen(os.open(sys.argv[1], os.O_RDWR)):  # open for writing too, so it never ends
        word = order.strip()
        if word == "ask":
            options = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]
            call = {"toolCallId": "c1", "title": "Tidy up"}
            params = {"sessionId": "s1", "toolCall": call, "options": options}
            send(id=99, method="session/request_permission", params=params)
        elif word == "withdraw":
            send(method="$/cancel_request", params={"requestId": 99})
        elif word == "speak":
            say("While you were typing.")
        elif word == "die":
            print("out of luck", file=sys.stderr, flush=True)
            os._exit(3)
answers = []
threading.Thread(target=obey, daemon=True).start()
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        send(id=id, result={"protocolVersion": 1})
    elif method == "session/new":
        send(id=id, result={"sessionId": "s1"})
    elif method == "session/prompt":
        say("heard " + message["params"]["prompt"][0]["text"] + " and " + str(answers))
        send(id=id, result={"stopReason": "end_turn"})
    elif "result" in message:
        answers.append(message["result"]["outcome"]["outcome"])
"""

if os.name == "posix":

    class Scene:
        """A chat with an agent that acts when it is told to."""

        def __init__(self, tmp_path: Path, **env: str) -> None:
            self._orders = tmp_path / "orders"
            os.mkfifo(self._orders)
            self.terminal = Terminal(tmp_path, "--", sys.executable, "-c", AGENT, str(self._orders), **env)

        def order(self, word: str) -> None:
            """Let the agent do something."""
            self._orders.write_text(f"{word}\n", encoding="utf-8")

    @pytest.fixture(params=["xterm-256color", "dumb"])
    def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[Scene]:
        scene = Scene(tmp_path, TERM=request.param)
        with suppress(ProcessLookupError):
            yield scene
        scene.terminal.close()

    def test_a_question_comes_at_once_and_the_line_goes_on_where_it_was(scene: Scene) -> None:
        terminal = scene.terminal
        terminal.wait_for("> ")
        terminal.type("first \\\rhalf a li")
        terminal.wait_for("half a li")
        scene.order("ask")
        terminal.wait_for("Tidy up")
        terminal.wait_for("your choice: ")
        terminal.type("1\r")
        terminal.wait_for("half a li")
        terminal.type("ne\r")
        terminal.wait_for("heard first")
        terminal.wait_for("half a line and ['selected']")

    def test_a_question_that_is_withdrawn_leaves_the_line_to_the_person(scene: Scene) -> None:
        terminal = scene.terminal
        terminal.wait_for("> ")
        scene.order("ask")
        terminal.wait_for("your choice: ")
        scene.order("withdraw")
        terminal.wait_for("does not ask any more")
        terminal.wait_for("> ")
        terminal.type("go on\r")
        terminal.wait_for("heard go on")

    def test_what_the_agent_says_between_turns_is_shown_at_once(scene: Scene) -> None:
        terminal = scene.terminal
        terminal.wait_for("> ")
        terminal.type("half a li")
        terminal.wait_for("half a li")
        scene.order("speak")
        terminal.wait_for("While you were typing.")
        terminal.wait_for("half a li")
        terminal.type("ne\r")
        terminal.wait_for("heard half a line")

    def test_an_agent_that_dies_meanwhile_ends_the_chat_at_once(scene: Scene) -> None:
        terminal = scene.terminal
        terminal.wait_for("> ")
        terminal.type("half")
        terminal.wait_for("half")
        scene.order("die")
        terminal.wait_for("out of luck")
        assert terminal.exit_code() == 1

    def test_ctrl_c_at_a_question_between_turns_declines_it_and_twice_leaves(scene: Scene) -> None:
        terminal = scene.terminal
        terminal.wait_for("> ")
        for _ in range(2):
            scene.order("ask")
            terminal.wait_for("your choice: ")
            terminal.type("\x03")
            terminal.wait_for("> ")
        terminal.type("so\r")
        terminal.wait_for("heard so and ['cancelled', 'cancelled']")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.exit_code() == 0
