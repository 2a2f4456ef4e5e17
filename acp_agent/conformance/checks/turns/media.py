"""Pictures and sounds in prompts: not only taken but handed on to the model."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.checks.turns.turns import PIXEL, SILENCE
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step
from acp_agent.conformance.verdicts import Inconclusive, expect

_SECTION = "Content"
_CAN = "agentCapabilities.promptCapabilities."


@requirement("prompt.image-seen", "quality", section=_SECTION, needs=(f"{_CAN}image",))
async def image_seen(stage: Stage) -> int:
    """An image in a prompt gets to the model, as an image."""
    return await _seen(stage, "image", {"type": "image", "data": PIXEL, "mimeType": "image/png"})


@requirement("prompt.audio-seen", "quality", section=_SECTION, needs=(f"{_CAN}audio",))
async def audio_seen(stage: Stage) -> int:
    """Audio in a prompt gets to the model, as audio."""
    return await _seen(stage, "audio", {"type": "audio", "data": SILENCE, "mimeType": "audio/wav"})


async def _seen(stage: Stage, kind: str, block: JsonObject) -> int:
    session = await stage.session()
    await session.finish(await session.begin(Step("look"), before=(block,)))
    session.need_script()
    said = session.text()
    if not said:
        raise Inconclusive("nothing was said of what the model saw")
    expect(kind in said, f"the model was handed {said!r}")
    return 1


REQUIREMENTS = (image_seen, audio_seen)
