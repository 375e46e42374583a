"""Simulated users over WebSockets: what they send and count, and a short run of the command."""

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from app.initial_models.sample_archives import build_samples
from signflow.archive import read_labels
from signflow.archive.features import landmarks
from signflow.backend.hand_rest import is_rest
from signflow.backend.sign_segmenter import REST_FRAMES, SignSegmenter
from signflow.benchmark import websocket_load
from signflow.benchmark.simulated_signers import SignersResult, make_performances, sign_together


def test_a_performance_is_one_sign_for_the_backend() -> None:
    for performance in make_performances(60):
        segmenter = SignSegmenter()
        points = [landmarks([json.loads(frame)])[0] for frame in performance.frames]
        signs = [sign for frame in points if (sign := segmenter.add_frame(frame, is_rest(frame)))]
        assert (len(signs), performance.sign in read_labels()) == (1, True)


@pytest.mark.anyio
async def test_translations_are_counted_and_what_does_not_come_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that translates every second sign as "hello", and fails at the others."""
    monkeypatch.setattr("signflow.benchmark.simulated_signers.GRACE_SECONDS", 0.1)
    monkeypatch.setattr("signflow.benchmark.simulated_signers.FRAMES_PER_SECOND", 3000)
    signs = 0

    async def answer(socket: ServerConnection) -> None:
        nonlocal signs
        segmenter = SignSegmenter()
        number = 0
        async for text in socket:
            number += 1
            points = landmarks([json.loads(text)])[0]
            if segmenter.add_frame(points, is_rest(points)):
                segmenter.finish_inference()
                signs += 1
                kind = "prediction" if signs % 2 else "error"
                message = {"type": kind, "prediction": "hello", "source": "local", "last_frame": number - REST_FRAMES}
                await socket.send(json.dumps(message))

    async with serve(answer, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        result = await asyncio.wait_for(sign_together(f"ws://127.0.0.1:{port}/ws", 3, 2.5), 60)
    assert len(result.latencies) == result.local == -(-signs // 2)
    assert result.lost == signs // 2
    assert 0 <= result.correct_share < 1
    assert 0 < result.percentile(50) <= result.percentile(95)


def test_a_result_without_a_translation_has_no_percentile() -> None:
    result = SignersResult(2.0)
    assert result.percentile(50) != result.percentile(50)
    assert (result.signs_per_second, result.correct_share, result.late_share) == (0, 0, 0)


@pytest.mark.long
def test_the_command_measures_a_server_and_the_backend_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_samples(tmp_path)
    picture = tmp_path / "load.svg"
    websocket_load.main([str(tmp_path), "--signers", "3", "--seconds", "3", "--svg", str(picture)])
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    measured = [row for row in rows if len(row) > 9 and row[0].isdigit()]
    assert [row[:2] for row in measured] == [["3", name] for name in ("marserve", "no server")]
    assert all(float(row[2]) > 0 for row in measured)
    assert "3 signers, marserve" in picture.read_text()
