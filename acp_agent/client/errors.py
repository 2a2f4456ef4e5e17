"""What can go wrong for a client that is nobody's mistake on the wire."""

from __future__ import annotations

from collections.abc import Sequence

from acp_agent.base.errors import AcpAgentError, ConnectionLost


class BadAgent(AcpAgentError):
    """The agent's answer is not what the protocol says.

    Attributes:
        agent, frames, stderr: as of `AgentLost`.
    """

    def __init__(
        self, agent: str, method: str, missing: str, frames: Sequence[str], stderr: Sequence[str]
    ) -> None:
        super().__init__(_told(f"{agent} answered `{method}` without {missing}", frames, stderr))
        self.agent = agent
        self.frames = tuple(frames)
        self.stderr = tuple(stderr)


class AgentNotStarted(ConnectionLost):
    """The agent's command could not be run."""

    def __init__(self, command: Sequence[str], why: str) -> None:
        super().__init__(f"cannot start `{' '.join(command)}`: {why}")


class AgentLost(ConnectionLost):
    """The agent is gone, or never spoke the protocol.

    Attributes:
        agent: its name, or the command that started it.
        frames: the last lines that crossed the wire, oldest first, shortened; `<` came from the agent.
        stderr: the end of what it wrote there.
    """

    def __init__(self, agent: str, why: str, frames: Sequence[str], stderr: Sequence[str]) -> None:
        super().__init__(_told(f"{agent} {why}", frames, stderr))
        self.agent = agent
        self.frames = tuple(frames)
        self.stderr = tuple(stderr)


class DispatchDeadlock(AcpAgentError):
    """A handler waits for what can only come after the handler has returned."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} inside a handler would wait for ever: the next message is handled when the handler "
            "returns; use `connection.spawn`, `on_session_start` or `on_result`, or register the handler "
            "with `concurrent=True`"
        )


class SessionChannelClosed(ConnectionLost):
    """The session will say nothing more: the connection or the session was closed."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session `{session_id}` is closed; nothing more can be read from it")


def _told(what: str, frames: Sequence[str], stderr: Sequence[str]) -> str:
    lines = [what]
    if frames:
        lines += ["the last lines on the wire:", *(f"  {frame}" for frame in frames)]
    if stderr:
        lines += ["the end of its stderr:", *(f"  {line}" for line in stderr)]
    return "\n".join(lines)
