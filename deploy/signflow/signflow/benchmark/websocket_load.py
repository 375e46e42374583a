"""Users who sign over WebSockets at 30 frames a second: how long each waits, by marserve, by TorchServe, in process.

python -m signflow.benchmark.websocket_load STORE --signers 64 --torchserve 'torchserve --foreground ...'
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from .backend_process import BackendProcess
from .bar_chart import Row, render_charts
from .comparison import FLAGS, MARSERVE, machine
from .server_under_test import ServerUnderTest, ServingOptions
from .simulated_signers import SignersResult, sign_together

OPTIONS = ServingOptions(workers=1, batch=16, delay=5)
HEAD = (
    "| signers | translated by | signs/s | p50 ms | p95 ms | p99 ms | lost | local | as performed | frames late |\n"
    "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def main(argv: list[str] | None = None) -> None:
    """Print a table with a row for each number of signers and each way of translating."""
    chosen = _parser().parse_args(argv)
    print(f"{machine()}; {OPTIONS}\n\n{HEAD}", flush=True)
    found = [(count, name, _measure(chosen, count, name)) for count in chosen.signers for name in _ways(chosen)]
    if chosen.svg:
        rows = [(f"{count} signers, {name}", result) for count, name, result in found]
        chosen.svg.write_text(render_charts("SignFlow over WebSockets", machine(), list(_charts(rows))), "utf-8")


def _ways(chosen: argparse.Namespace) -> list[str]:
    return ["marserve", *(["TorchServe"] if chosen.torchserve else []), "no server"]


def _measure(chosen: argparse.Namespace, count: int, name: str) -> SignersResult:
    with (
        tempfile.TemporaryDirectory() as folder,
        _translated_by(chosen, name, Path(folder)) as backend,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        result = runner.run(sign_together(backend.websocket_url, count, chosen.seconds))
    print(_row(count, name, result), flush=True)
    return result


@contextmanager
def _translated_by(chosen: argparse.Namespace, name: str, folder: Path) -> Iterator[BackendProcess]:
    """The backend in front of a server of that name, or without one."""
    if name == "no server":
        with BackendProcess(folder) as backend:
            yield backend
        return
    command = {"marserve": chosen.marserve, "TorchServe": chosen.torchserve}[name]
    with ServerUnderTest(name, command, folder, chosen.store.resolve()) as server:
        server.register(OPTIONS)
        with BackendProcess(folder, server_port=server.port) as backend:
            yield backend


def _row(count: int, name: str, result: SignersResult) -> str:
    latencies = " | ".join(f"{result.percentile(percent):.1f}" for percent in (50, 95, 99))
    return (
        f"| {count} | {name} | {result.signs_per_second:.1f} | {latencies} | {result.lost} | {result.local} |"
        f" {result.correct_share:.0%} | {result.late_share:.1%} |"
    )


def _charts(rows: Sequence[tuple[str, SignersResult]]) -> Iterator[tuple[str, list[Row]]]:
    for percent in (50, 95):
        values = [(label, result.percentile(percent)) for label, result in rows]
        heading = f"Milliseconds from a sign's last frame to its translation, {percent} % of the signs"
        yield heading, [(label, value, f"{value:.1f}") for label, value in values]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path, help="the folder with sign.mar")
    parser.add_argument(
        "--signers", type=lambda text: [int(number) for number in text.split(",")], default=[64], metavar="N,...",
        help="users at a time, 64 by default",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=20, help="for each row, 20 by default")
    parser.add_argument("--marserve", default=MARSERVE, metavar="COMMAND", help="how marserve is started")
    parser.add_argument("--torchserve", metavar="COMMAND", help=f"'torchserve {FLAGS}', say, of another environment")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="where the charts go")
    return parser


if __name__ == "__main__":
    main()
