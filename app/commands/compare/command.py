"""`marserve compare`: the same requests to an old server and a new one, and the differences of their answers."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.commands.compare.comparison import Comparison, compare
from app.commands.compare.differences import ALWAYS_DIFFERENT, Rule
from app.commands.compare.report import as_json, as_lines, summary
from app.commands.http_client import HttpClient, NoResponse
from app.commands.parser import CommandParser
from app.commands.progress import show_progress
from app.commands.sample_requests import InvalidSample, Sample, read_samples

EXIT_EQUAL, EXIT_DIFFERENT, EXIT_IMPOSSIBLE, EXIT_INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\
requests:
  a folder    samples/mlp/a.json, samples/mlp/2.0/b.json, samples/cats/c.jpg: each file is POSTed to /predictions/mlp,
              /predictions/mlp/2.0, /predictions/cats; its ending tells the content type
  a file      a request in each line; files are looked for beside it, lines that begin with # are skipped
                GET /ping
                POST /predictions/mlp {"features": [1, 2]}
                POST /predictions/cats @cat.jpg
                {"path": "/predictions/mlp", "headers": {"X-Who": "me"}, "json": {"features": [1, 2]}}
                {"method": "PUT", "path": "/predictions/cats", "file": "cat.jpg"}
                {"path": "/predictions/cats", "form": {"data": {"file": "cat.jpg"}, "top": "3"}}
              a body is one of "json", "text", "base64", "file" and "form" (a multipart form)

examples:
  marserve compare --baseline http://old:8080 --candidate http://127.0.0.1:8080 samples/
  marserve compare --baseline http://old:8080 --candidate http://new:8080 --tolerance 1e-5 --repeat 5 requests.jsonl

JSON is compared by value, anything else to the byte; streams by their pieces joined. Exit status: 0 all answers are
equal, 1 some differ or did not come, 2 a server cannot be reached or a request cannot be read.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare as the arguments say; returns the exit status."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    try:
        options = {"timeout": arguments.timeout, "verify": not arguments.insecure}
        baseline = HttpClient(arguments.baseline, arguments.token_baseline, **options)
        candidate = HttpClient(arguments.candidate, arguments.token_candidate, **options)
        samples = [sample for path in arguments.requests for sample in read_samples(path)]
    except (ValueError, InvalidSample) as error:
        print(f"marserve compare: {error}", file=sys.stderr)
        return EXIT_IMPOSSIBLE
    if not _are_reachable(baseline, candidate):
        return EXIT_IMPOSSIBLE
    comparisons: list[Comparison] = []
    try:
        comparisons.extend(_compare_all(samples, baseline, candidate, arguments))
        status = _exit_status(comparisons)
    except KeyboardInterrupt:  # show the comparisons so far
        status = EXIT_INTERRUPTED
    if arguments.json:
        print(json.dumps(as_json(comparisons, baseline, candidate), indent=2))
    else:
        print("\n".join(summary(comparisons)))
    return status


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve compare`."""
    parser = CommandParser(
        prog="marserve compare",
        description="Sends the same requests to two servers and shows the differences of their answers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("requests", metavar="REQUESTS", nargs="+", type=Path, help="files of requests, or folders of samples")
    add("--baseline", metavar="URL", required=True, help="the server whose answers are right, say an old TorchServe")
    add("--candidate", metavar="URL", required=True, help="the server that is to answer alike")
    add("--tolerance", metavar="X", type=float, default=0.0, help="numbers are equal that differ by X, or by X of them")
    add("--ignore-header", metavar="NAME", action="append", default=[], help="pass over a header; may be repeated")
    add("--repeat", metavar="N", type=_positive, default=1, help="send each request N times")
    add("--concurrency", metavar="N", type=_positive, default=1, help="send N requests at once")
    add("--timeout", metavar="S", type=float, default=60.0, help="seconds until an answer is given up (default: 60)")
    add("--token-baseline", metavar="TOKEN", help="sent to the baseline as Authorization: Bearer TOKEN")
    add("--token-candidate", metavar="TOKEN", help="sent to the candidate as Authorization: Bearer TOKEN")
    add("--insecure", action="store_true", help="take any certificate of https servers")
    add("--json", action="store_true", help="for machines: the whole report as one JSON object")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def _are_reachable(*servers: HttpClient) -> bool:
    """Whether both servers accept connections; else it is said at once, before a thousand requests fail alike."""
    are_reachable = True
    for server in servers:
        try:
            server.check_connection()
        except NoResponse as error:
            print(f"marserve compare: {server.url} cannot be reached: {error}", file=sys.stderr)
            are_reachable = False
    return are_reachable


def _compare_all(
    samples: Sequence[Sample], baseline: HttpClient, candidate: HttpClient, arguments: argparse.Namespace
) -> Iterator[Comparison]:
    """Compare, and print differences as soon as they are known."""
    rule = Rule(arguments.tolerance, ALWAYS_DIFFERENT | {name.lower() for name in arguments.ignore_header})
    with ThreadPoolExecutor(arguments.concurrency) as threads:
        found = threads.map(lambda sample: compare(sample, baseline, candidate, rule, arguments.repeat), samples)
        for number, comparison in enumerate(found, 1):
            show_progress("")
            if not arguments.json:
                print("".join(f"{line}\n" for line in as_lines(comparison)), end="", flush=True)
            show_progress(f"{number} of {len(samples)} requests")
            yield comparison
    show_progress("")


def _exit_status(comparisons: Sequence[Comparison]) -> int:
    if any(comparison.is_unreachable for comparison in comparisons):
        return EXIT_IMPOSSIBLE
    return EXIT_EQUAL if all(comparison.verdict == "equal" for comparison in comparisons) else EXIT_DIFFERENT
