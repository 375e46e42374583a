"""Rolls out a new version of the sign model while simulated users sign, and counts which version was how often right.

python -m signflow.rollout 2.0 --archive sign-2.0.mar
"""

import argparse
import asyncio
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import uvloop
from websockets.asyncio.client import connect

from signflow.benchmark.simulated_signers import SignersResult, SimulatedSigner, make_performances

IGNORED = ["confidence", "alternatives", "device"]
"""Members of an answer that no two models have alike; the signs have to agree."""
DRIFT_WINDOW = 100
DRIFT_FEATURES = ("output.prediction", "output.confidence")
ALREADY_REGISTERED = 409


def main(argv: list[str] | None = None) -> int:
    """Roll out; returns the exit status of `marserve rollout`: 0 completed, 4 rolled back."""
    chosen = _parser().parse_args(argv)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_roll_out(chosen))


async def _roll_out(chosen: argparse.Namespace) -> int:
    token = os.environ.get("MARSERVE_MANAGEMENT_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    model = f"{chosen.server}/models/{chosen.model}"
    async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as server:
        await _check_backend(chosen.backend)
        register = {"url": chosen.archive, "model_name": chosen.model, "initial_workers": "1", "synchronous": "true"}
        await _call(server, "POST", f"{chosen.server}/models", params=register)
        await _call(server, "PUT", f"{model}/{chosen.version}/drift", json={"window": DRIFT_WINDOW, "rate": 100})
        async with asyncio.TaskGroup() as signing:
            result = SignersResult(math.nan)
            signers = [signing.create_task(each) for each in _sign(chosen.backend, chosen.signers, result)]
            plan = {
                "to": chosen.version, "steps": chosen.steps, "hold": chosen.hold, "shadowFirst": True,
                "limits": {"disagreement": chosen.disagreement}, "tolerance": {"ignored": IGNORED},
            }  # fmt: skip
            await _call(server, "PUT", f"{model}/rollout", json=plan)
            status = await _watch(chosen.server, chosen.model)
            for signer in signers:
                signer.cancel()
        print(f"\n{_table(result)}")
        print(_describe_drift(await _call(server, "GET", f"{model}/{chosen.version}/drift")))
    return status


def _sign(url: str, count: int, result: SignersResult) -> list[Any]:
    """Users who sign until they are cancelled."""
    performances, start = make_performances(60), time.perf_counter()
    return [
        SimulatedSigner(f"{url}?user=signer-{number}", performances, number, result).run(start, math.inf)
        for number in range(count)
    ]


async def _check_backend(url: str) -> None:
    try:
        async with connect(url, proxy=None):
            pass
    except OSError as error:
        raise SystemExit(f"{url}: {error}. `make demo` starts the backend.") from None


async def _call(server: httpx2.AsyncClient, method: str, url: str, **options: Any) -> Any:
    try:
        response = await server.request(method, url, **options)
    except httpx2.TransportError as error:
        raise SystemExit(f"{url}: {error}. `make serve` starts the model server.") from None
    if response.is_error and response.status_code != ALREADY_REGISTERED:
        raise SystemExit(f"{method} {url}: {response.json().get('message', response.text)}")
    return response.json()


async def _watch(server: str, model: str) -> int:
    """Let `marserve rollout` print the progress."""
    command = [Path(sys.executable).with_name("marserve"), "rollout", model, "--watch", "--url", server]
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


def _table(result: SignersResult) -> str:
    """A table of the signs that each version has translated, and of those as they were performed."""
    lines = ["| version | signs | as performed |", "|---|---:|---:|"]
    for version, outcomes in sorted(result.versions.items()):
        name = version or "the default one, or local"
        lines.append(f"| {name} | {outcomes.total()} | {outcomes[True] / max(1, outcomes.total()):.1%} |")
    return "\n".join(lines)


def _describe_drift(drift: dict[str, Any]) -> str:
    """The scores of what was predicted, and of how sure the model was."""
    if not drift["windows"]:
        return f"Drift of the new version: {drift['samplesInWindow']} of {drift['windowSamples']} samples so far."
    scores = {each["feature"]: each["psi"] for each in drift["features"]}
    scored = ", ".join(f"{name} {scores[name]:.3f}" for name in DRIFT_FEATURES if name in scores)
    return f"Drift of the new version's answers from its profile (PSI): {scored}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="the new version")
    parser.add_argument("--archive", required=True, help="its archive in the server's model store")
    parser.add_argument("--model", default="sign", help="sign by default")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="the model server's management API")
    parser.add_argument("--backend", default="ws://127.0.0.1:8000/ws", help="the backend's WebSocket")
    parser.add_argument("--signers", type=int, default=20, help="users who sign meanwhile, 20 by default")
    parser.add_argument(
        "--steps", type=lambda text: [float(step) for step in text.split(",")], default=[10, 50, 100],
        metavar="PERCENT,...", help="shares of the traffic; 10,50,100 by default",
    )  # fmt: skip
    parser.add_argument("--hold", type=int, default=60, help="signs of the new version in each step, 60 by default")
    parser.add_argument("--disagreement", type=float, default=0.05, help="share of other signs that is allowed, 0.05")
    return parser


if __name__ == "__main__":
    sys.exit(main())
