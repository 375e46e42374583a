"""`marserve new`: a folder with a handler that works, its test, and a sample request."""

import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from app.commands.parser import CommandParser

TEMPLATE = Path(__file__).with_name("template")
_NEXT_STEPS = """\
{folder}/handler.py         what the server calls; put your model there
{folder}/model-config.yaml  batch size, workers, time limits
{folder}/request.json       a sample request
{folder}/test_handler.py    run with: python -m pytest {folder}

  marserve serve --reload {folder}
  curl http://127.0.0.1:8080/predictions/{name} -H 'Content-Type: application/json' -d @{folder}/request.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the folder; returns the exit status, 1 if it is there already."""
    parser = CommandParser(
        prog="marserve new", description="Writes a folder with a handler, a test of it, and a sample request."
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder to make; its name is the model's")
    folder: Path = parser.parse_args(argv).folder
    if not folder.name.isidentifier():
        parser.error(f"{folder.name!r} cannot be the name of a model: use letters, digits and underscores")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        print(f"marserve new: {folder} is there already; choose another name, or delete it", file=sys.stderr)
        return 1
    for file in TEMPLATE.glob("*.template"):
        content = Template(file.read_text(encoding="utf-8")).substitute(name=folder.name)
        (folder / file.stem).write_text(content, encoding="utf-8")
    print(_NEXT_STEPS.format(folder=folder, name=folder.name), end="")
    return 0
