"""What a check plays on: a fresh workspace and home, a scripted model and as many new agents as it wants."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import EXIT_TIME, AgentProcess, open_agent_process
from acp_agent.conformance.client_side import ClientSide, Permission
from acp_agent.conformance.environment import bare_environment
from acp_agent.conformance.model import ScriptedModel
from acp_agent.conformance.profile import Profile, filled
from acp_agent.conformance.reach import at, object_at, text_at
from acp_agent.conformance.responses import result_of
from acp_agent.conformance.session import Session
from acp_agent.conformance.verdicts import NotAdvertised
from acp_agent.testing.model_server import ModelServer, serve_model

QUIET = 0.3
"""Seconds of silence after which something that should not come counts as not having come."""

PATIENCE = 20.0
"""Seconds to wait for one thing: agents are processes, machines may be busy."""

_REFERENCE = Path(__file__).with_name("reference_agent.py")
_STRIKE_TIME = 1.0
"""Seconds an agent has to exit once its check is done: enough to end what it started, and not judged."""

_KEY = "sk-conformance-1234567890"


class Stage:
    """One check's stage. `workspace` is the project, `home` the agent's private place; both are new.

    `client` is the other side of the agent started last, `exit_time` how many seconds an agent has to end.
    `remark` is what a check adds to a verdict that is a pass.
    """

    def __init__(
        self,
        command: Sequence[str],
        profile: Profile,
        folder: Path,
        server: ModelServer,
        model: ScriptedModel,
        tasks: TaskGroup,
        needs: tuple[str, ...],
        patience: float,
        offered: dict[bytes, JsonObject],
    ) -> None:
        self.profile = profile
        self.workspace = folder / "workspace"
        self.home = folder / "home"
        self.model = model
        self.agents: list[AgentProcess] = []
        self.client: ClientSide
        self.remark = ""
        self.exit_time = min(EXIT_TIME, patience)
        self._patience = patience
        self._tasks = tasks
        self._needs = needs
        self._server = server
        places = self._places()
        self._command = [*command, *(filled(word, places) for word in profile.args)]
        self._offered = offered
        self._clients: list[ClientSide] = []

    async def start(self, *, permission: Permission = "allow", keyless: bool = False) -> AgentProcess:
        """A new process of the agent, not yet spoken to. `keyless` leaves the profile's environment away."""
        agent = await open_agent_process(
            self._command, cwd=self.workspace, env=self.environment(keyless=keyless), patience=self._patience
        )
        self.agents.append(agent)
        await self._tasks.start(agent.watch)
        env = bare_environment(self.home)
        self.client = ClientSide(agent, self._tasks, permission, self.workspace, env)
        self._clients.append(self.client)
        return agent

    async def start_reference(self) -> AgentProcess:
        """A process of the bundled agent that does nothing but what is scripted, initialized."""
        agent = await open_agent_process(
            [sys.executable, "-S", "-E", str(_REFERENCE)],
            cwd=self.workspace,
            env=self.environment(keyless=True),
            patience=self._patience,
        )
        self.agents.append(agent)
        await self._tasks.start(agent.watch)
        await agent.result("initialize", initialize_params())
        return agent

    async def initialize(self, agent: AgentProcess, offer: JsonObject | None = None) -> JsonObject:
        """What the agent answers to a plain `initialize` with these client capabilities."""
        response = await agent.ask("initialize", initialize_params(offer), patience=self.profile.start_time)
        result = object_at(result_of("initialize", response))
        self._offered[jsontext.dump(offer)] = result
        self._expect_advertised(result)
        return result

    async def ready(
        self, *, permission: Permission = "allow", offer: JsonObject | None = None
    ) -> AgentProcess:
        """A new process of the agent, initialized.

        None is started if one was asked the same before and did not advertise what the check needs.
        """
        if known := self._offered.get(jsontext.dump(offer)):
            self._expect_advertised(known)
        agent = await self.start(permission=permission)
        await self.initialize(agent, offer)
        return agent

    async def open(self, agent: AgentProcess, params: JsonObject | None = None) -> Session:
        """A new session in the workspace; `params` replace those of a plain one."""
        result = object_at(await agent.result("session/new", {**self.new_params(), **(params or {})}))
        return self.session_called(agent, text_at(result, "sessionId"), result)

    async def load(self, session: Session, params: JsonObject | None = None) -> Session:
        """The session again, loaded by a new process."""
        agent = await self.ready()
        result = await agent.result("session/load", {**self.again(session), **(params or {})})
        return self.session_called(agent, session.id, object_at(result))

    async def session(
        self,
        *,
        permission: Permission = "allow",
        offer: JsonObject | None = None,
        params: JsonObject | None = None,
    ) -> Session:
        """A new session of a new process."""
        return await self.open(await self.ready(permission=permission, offer=offer), params)

    def session_called(self, agent: AgentProcess, id: str, opened: JsonObject | None = None) -> Session:
        """The session that the agent knows by this id; `opened` is what it answered when it was opened."""
        return Session(
            agent,
            id,
            opened or {},
            model=self.model,
            workspace=self.workspace,
            plays_scripts=self.profile.plays_scripts,
        )

    def new_params(self) -> JsonObject:
        """The params of `session/new`."""
        return {"cwd": str(self.workspace), "mcpServers": []}

    def again(self, session: Session) -> JsonObject:
        """The params that load or resume a session."""
        return {**self.new_params(), "sessionId": session.id}

    async def strike(self) -> None:
        """End everything that was started."""
        for agent in self.agents:
            await agent.end(grace=_STRIKE_TIME)
        for client in self._clients:
            await client.aclose()

    def environment(self, *, keyless: bool = False) -> dict[str, str]:
        """What the agent finds in its environment; `keyless` leaves the part of the profile away."""
        env = bare_environment(self.home)
        if keyless:
            return env
        places = self._places()
        return env | {name: filled(value, places) for name, value in self.profile.env.items()}

    def prepare(self) -> None:
        """Make the folders and the files the profile wants."""
        self.workspace.mkdir(parents=True)
        (self.home / "tmp").mkdir(parents=True)
        places = self._places()
        for name, content in self.profile.files.items():
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(filled(content, places), encoding="utf-8")

    def _expect_advertised(self, result: JsonObject) -> None:
        for need in self._needs:
            if at(result, *need.split(".")) in (None, False):
                raise NotAdvertised(f"`{need}` is not advertised")

    def _places(self) -> dict[str, str]:
        return {
            "openai_url": self._server.openai_url,
            "anthropic_url": self._server.anthropic_url,
            "gemini_url": self._server.gemini_url,
            "home": str(self.home),
            "workspace": str(self.workspace),
            "key": _KEY,
        }


def initialize_params(offer: JsonObject | None = None) -> JsonObject:
    """The params of a client that offers these capabilities; none by default."""
    return {
        "protocolVersion": 1,
        "clientCapabilities": offer or {},
        "clientInfo": {"name": "conformance", "version": "1"},
    }


@asynccontextmanager
async def open_stage(
    command: Sequence[str],
    profile: Profile,
    folder: Path,
    needs: tuple[str, ...] = (),
    *,
    patience: float = PATIENCE,
    offered: dict[bytes, JsonObject] | None = None,
) -> AsyncGenerator[Stage, None]:
    """A stage in `folder`, which must not exist; everything on it ends with the block.

    `offered` is what stages of one agent share: what it answered to which client capabilities.
    """
    model = ScriptedModel(profile.tools)
    async with serve_model(model) as server, anyio.create_task_group() as tasks:
        stage = Stage(
            command,
            profile,
            folder,
            server,
            model,
            tasks,
            needs,
            patience,
            {} if offered is None else offered,
        )
        stage.prepare()
        try:
            yield stage
        finally:
            with anyio.CancelScope(shield=True):
                await stage.strike()
            tasks.cancel_scope.cancel()
