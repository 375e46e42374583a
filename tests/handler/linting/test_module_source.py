"""Rules that a module's syntax meets, under any names that its imports give."""

import ast
import textwrap

import pytest

from handler.linting.module_source import ModuleSource

PYPLOT = "draws with pyplot, which has one current figure and one set of parameters"
HARMLESS = (
    "import asyncio, atexit, joblib, locale, numpy, os, pillow_heif as heif, subprocess, sys, torch, config, utils\n"
    "import matplotlib.pyplot as plt\n"
    "class Own: pass\n"
)


def met(source: str, local: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    """Title and line of each rule that a source meets."""
    scopes = ModuleSource(ast.parse(textwrap.dedent(source)), local.__contains__).scopes.values()
    return sorted({(rule.title, line) for scope in scopes for rule, line in scope.findings})


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
        ("torch.backends.cudnn.benchmark = True", "chooses how cuDNN finds its algorithms"),
        ("cudnn.deterministic, x = True, 1", "chooses how cuDNN finds its algorithms"),
        ("torch.backends.cuda.matmul.allow_tf32 = True", "sets flags of torch"),
        ("torch.use_deterministic_algorithms(True)", "sets flags of torch"),
        ("torch.set_num_threads(4)", "sets the number of threads"),
        ("torch.profiler.profile()", "runs torch's profiler"),
        ("ImageFile.LOAD_TRUNCATED_IMAGES = True", "changes how Pillow reads images"),
        ("warnings.filterwarnings('ignore')", "filters warnings"),
        ("gc.disable()", "changes a setting of the process"),
        ("subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])", "installs packages"),
        ("os.system('pip install x')", "installs packages"),
        ("warnings.simplefilter('error')", "turns warnings into errors"),
        ("locale.setlocale(locale.LC_ALL, 'de_DE')", "changes a setting of the process"),
        ("json.dumps = print", "changes a module that all models share"),
        ("torch.nn.Module.forward, x = 1, 2", "changes a module that all models share"),
        ("setattr(torch, 'load', print)", "changes a module that all models share"),
        ("del np.savez", "changes a module that all models share"),
        ("sys.argv = ['']", "changes a module that all models share"),
        ("torch._dynamo.config.suppress_errors = True", "changes a module that all models share"),
        ("AutoConfig.register('x', Own)", "registers a class or function with a library"),
        ("MODELS.register_module(module=Own)", "registers a class or function with a library"),
        ("plt.figure()", PYPLOT),
        ("plt.rcParams['font.size'] = 3", PYPLOT),
        ("matplotlib.rc('font', size=3)", PYPLOT),
        ("seaborn.heatmap([[1]])", PYPLOT),
        ("mp.set_start_method('spawn')", "sets how processes start, which may be done once"),
        ("torch.multiprocessing.set_start_method('spawn')", "sets how processes start, which may be done once"),
        ("torch.set_num_interop_threads(1)", "sets torch's inter-op threads, which may be done once"),
        ("torch._C._jit_set_profiling_mode(False)", "sets flags of torch that hold for all threads"),
        ("Counter('requests', 'told')", "adds series to the registry of prometheus_client, which takes each name once"),
        ("import pycuda.autoinit", "makes a CUDA context for the thread that imports it first"),
        ("from timeout_decorator import timeout", "needs a main thread for its alarms, or forks"),
        ("import deepspeed", "computes in several ranks"),
        ("import torch.distributed as dist", "computes in several ranks"),
        ("from torch import distributed", "computes in several ranks"),
        ("from ts.handler_utils.distributed.deepspeed import get_ds_engine", "computes in several ranks"),
    ],
)
def test_a_rule_is_met_by_whatever_name_the_import_gives(line: str, title: str) -> None:
    imports = """\
        import asyncio, gc, joblib, json, locale, matplotlib, os, random, seaborn, signal, subprocess, sys, torch
        import warnings, torch.multiprocessing
        import multiprocessing as mp, numpy as np
        from concurrent.futures import ProcessPoolExecutor
        import matplotlib.pyplot as plt
        from mmengine import MODELS
        from prometheus_client import Counter
        from transformers import AutoConfig
        class Own: pass
        from os import environ
        from random import seed as plant
        from PIL import ImageFile
        from torch.backends import cudnn
    """
    assert met(textwrap.dedent(imports) + line) == [(title, 14)]


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
        "os.kill(process.pid, 9)",
        "locale.setlocale(locale.LC_ALL)",
        "torch.set_default_dtype(torch.float32)",
        "joblib.Parallel(n_jobs=1)(x)",
        "numpy.float = float",
        "sys.path = sys.stdout = []",
        "plt.imread('x'); plt.cm.jet(1); plt.get_cmap('jet'); plt.switch_backend('Agg'); plt.style.available()",
        "torch.nn.Module().x = self.y = 1",
        "config.size = utils.SIZE = 1",
        "utils.register(Own)",
        "registry.register(Own)",
        "atexit.register(Own)",
        "heif.register_heif_opener()",
        "from .distributed import x",
        "from mine import distributed",
    ],
)
def test_what_harms_nobody_is_not_told(line: str) -> None:
    assert met(f"{HARMLESS}{line}", local=("config", "utils")) == []


@pytest.mark.parametrize("decorator", ["MODELS.register_module()", "register_model"])
def test_classes_and_functions_are_registered_by_decorators(decorator: str) -> None:
    source = f"from mmengine import MODELS\nfrom timm.models import register_model\n@{decorator}\ndef f(): pass"
    assert [title for title, _ in met(source)] == ["registers a class or function with a library"]


def test_what_runs_only_as_a_program_is_passed_over() -> None:
    assert met("import sys\nif __name__ == '__main__':\n    sys.exit(1)\n") == []


def test_functions_methods_and_conditions_are_looked_into() -> None:
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
    assert [line for _, line in met(source)] == [6, 8]


def test_functions_and_classes_are_scopes_of_their_own() -> None:
    source = ModuleSource(
        ast.parse("import os\ndef train():\n    os.chdir(os.path.join('a'))\nclass Net: size = train\n")
    )
    assert repr(source) == "<ModuleSource of 3 scopes>"
    assert source.scopes["train"].mentioned == {"os", "chdir", "path", "join"}
    assert source.scopes["Net"].mentioned == {"train"}
    assert not source.scopes[""].findings


def test_all_ways_to_import_are_noted() -> None:
    source = "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\n__import__('h')\n"
    imports = ModuleSource(ast.parse(f"{source}importlib.import_module('.i', __package__)")).imports
    assert imports == [(0, "a.b"), (0, "c.d"), (1, "e"), (2, "f.g"), (0, "h"), (1, "i")]
