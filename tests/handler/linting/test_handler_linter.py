"""Practices that threads in one process change are seen in sources that never run."""

import re
import textwrap
from pathlib import Path

import pytest

from handler.linting.handler_linter import look_through
from handler.linting.lint_rules import ASSIGNED, CALLED, IMPORTED


def seen(folder: Path, source: str, name: str = "handler.py") -> list[tuple[str, str]]:
    """Place and title of each sighting."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source))
    return [(sighting.place, sighting.practice.title) for sighting in look_through(folder)]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("os.environ['HOME'] = '/x'", "writes environment variables"),
        ("os.environ.setdefault('A', '1')", "writes environment variables"),
        ("del os.environ['A']", "writes environment variables"),
        ("os.putenv('A', '1')", "writes environment variables"),
        ("environ['A'] = '1'", "writes environment variables"),
        ("os.environ['CUDA_VISIBLE_DEVICES'] = '1'", "writes variables that choose devices or thread numbers"),
        ("os.environ.setdefault('OMP_NUM_THREADS', '1')", "writes variables that choose devices or thread numbers"),
        ("os.chdir('/x')", "changes the working directory"),
        ("signal.signal(2, None)", "sets signal handlers or alarms"),
        ("mp.Pool(2)", "starts processes of its own"),
        ("torch.multiprocessing.spawn(f)", "starts processes of its own"),
        ("torch.utils.data.DataLoader(x, num_workers=2)", "starts processes of its own"),
        ("joblib.Parallel(n_jobs=2)(x)", "starts processes of its own"),
        ("ProcessPoolExecutor()", "starts processes of its own"),
        ("os.fork()", "starts processes of its own"),
        ("sys.exit(1)", "exits"),
        ("quit()", "exits"),
        ("os._exit(1)", "exits"),
        ("os.kill(os.getpid(), 9)", "kills its process"),
        ("random.seed(1)", "seeds a global random generator"),
        ("np.random.seed(1)", "seeds a global random generator"),
        ("torch.cuda.manual_seed_all(1)", "seeds a global random generator"),
        ("plant(1)", "seeds a global random generator"),
        ("torch.set_default_dtype(torch.float64)", "sets the default dtype"),
        ("torch.backends.cudnn.benchmark = True", "sets flags of torch"),
        ("cudnn.deterministic, x = True, 1", "sets flags of torch"),
        ("torch.use_deterministic_algorithms(True)", "sets flags of torch"),
        ("torch.set_num_threads(4)", "sets the number of threads"),
        ("torch.profiler.profile()", "runs torch's profiler"),
        ("ImageFile.LOAD_TRUNCATED_IMAGES = True", "changes how Pillow reads images"),
        ("warnings.filterwarnings('ignore')", "filters warnings"),
        ("gc.disable()", "changes a setting of the process"),
        ("subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])", "installs packages"),
        ("os.system('pip install x')", "installs packages"),
        ("import deepspeed", "computes in several ranks"),
        ("import torch.distributed as dist", "computes in several ranks"),
        ("from torch import distributed", "computes in several ranks"),
        ("from ts.handler_utils.distributed.deepspeed import get_ds_engine", "computes in several ranks"),
    ],
)
def test_a_practice_is_known_by_whatever_name_its_import_gives(line: str, title: str, tmp_path: Path) -> None:
    imports = """\
        import asyncio, gc, joblib, os, random, signal, subprocess, sys, torch, warnings, torch.multiprocessing
        import multiprocessing as mp, numpy as np
        from concurrent.futures import ProcessPoolExecutor
        from os import environ
        from random import seed as plant
        from PIL import ImageFile
        from torch.backends import cudnn
    """
    assert seen(tmp_path, textwrap.dedent(imports) + line) == [("handler.py:8", title)]


@pytest.mark.parametrize(
    "line",
    [
        "os.environ.get('A')",
        "home = os.environ['HOME']",
        "seed(1)",
        "self.random.seed(1)",
        "random = Random(); generator.seed(1)",
        "rng = numpy.random.default_rng(1)",
        "torch.Generator().manual_seed(1)",
        "subprocess.run(['ffmpeg', '-i', 'x'])",
        "asyncio.run(main())",
        "asyncio.get_event_loop()",
        "joblib.Parallel(n_jobs=2, prefer='threads')(x)",
        "torch.no_grad()",
        "torch.utils.data.DataLoader(x, num_workers=0)",
        "torch.utils.data.DataLoader(x)",
        "from .distributed import x",
        "from mine import distributed",
    ],
)
def test_what_harms_nobody_is_not_told(line: str, tmp_path: Path) -> None:
    assert seen(tmp_path, f"import joblib, os, numpy, torch, subprocess, asyncio\n{line}") == []


def test_what_runs_only_as_a_program_is_passed_over(tmp_path: Path) -> None:
    assert seen(tmp_path, "import sys\nif __name__ == '__main__':\n    sys.exit(1)\n") == []


def test_functions_methods_and_conditions_are_looked_into(tmp_path: Path) -> None:
    source = """\
        class Handler:
            def initialize(self, context):
                import os
                if context:
                    try:
                        os.chdir("/x")
                    except OSError:
                        os.chdir("/y")
    """
    assert [place for place, _ in seen(tmp_path, source)] == ["handler.py:6", "handler.py:8"]


def test_all_sources_are_read_but_hidden_and_broken_ones(tmp_path: Path) -> None:
    for name in ("b/c.py", "a.py", ".venv/x.py", "b/.git/x.py", "note.txt"):
        seen(tmp_path, "exit()", name)
    assert [place for place, _ in seen(tmp_path, "exit(", "broken.py")] == ["a.py:1", "b/c.py:1"]


def test_one_line_is_told_once_for_each_practice(tmp_path: Path) -> None:
    assert len(seen(tmp_path, "import random\nrandom.seed(1), random.seed(2), exit()")) == 2


def test_every_practice_reads_as_a_sentence() -> None:
    for practice in {*CALLED.values(), *ASSIGNED.values(), *IMPORTED.values()}:
        for text in (practice.title, practice.changes, practice.remedy):
            assert re.fullmatch(r"\S.*[^.\s]", text), "the full stop comes with the sentence around it"
