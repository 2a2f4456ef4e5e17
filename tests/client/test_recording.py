"""What a recording keeps of the frames that pass, and says again."""

from __future__ import annotations

import io
from pathlib import Path

import anyio
import pytest

from acp_agent.client.recording import BadRecording, Recorder, read_recording, replay
from acp_agent.rpc.memory import memory_transport_pair
from tests.patience import PATIENCE

NUMBERS = '{"far":1e999,"near":0.1,"short":1E2,"whole":123456789012345678901234567890,"small":7}'
FRAME = f'{{"jsonrpc":"2.0","method":"_numbers","params":{NUMBERS}}}'


async def test_numbers_beyond_a_float_are_recorded_and_said_again_as_they_were_written(
    tmp_path: Path,
) -> None:
    output = io.StringIO()
    Recorder(output, we_are="client").tap("in", FRAME.encode())
    file = tmp_path / "talk.jsonl"
    file.write_text(output.getvalue(), encoding="utf-8")
    near, far = memory_transport_pair()
    with anyio.fail_after(PATIENCE):
        assert await replay(read_recording(file), far, speaker="agent") == []
        assert await near.receive() == FRAME.encode()
    await near.aclose()


@pytest.mark.parametrize("chatter", ["Loading…", "", "[1]", '{"half": ', '{"a": NaN}', "[" * 100_000])
def test_what_is_no_message_is_left_out(chatter: str) -> None:
    output = io.StringIO()
    Recorder(output, we_are="client").tap("in", chatter.encode())
    assert output.getvalue() == ""


@pytest.mark.parametrize("line", ["nonsense", '{"from": "nobody", "frame": {}}', '{"from": "agent"}', "5"])
def test_a_line_that_is_none_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text(f'{{"from": "agent", "frame": {{}}}}\n{line}\n', encoding="utf-8")
    with pytest.raises(BadRecording, match="line 2"):
        read_recording(file)
