"""Practices of archives that threads of one process change: names, effect, and remedy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LintRule:
    """One such practice. The texts are parts of sentences: "handler.py:3 seeds a random generator: all models ..."."""

    title: str
    effect: str
    """The difference to a process of the archive's own."""
    remedy: str
    in_processes_too: bool = False
    """Whether that is so in a process of the archive's own (`isolation: process`), too."""
    needs_process: bool = False
    """Whether threads would change answers, or the archive would change those of others, or the server."""


ENVIRONMENT = LintRule(
    "writes environment variables",
    "they are the worker's own, but libraries written in C find what any model has set last",
    "set them where the server is started",
)
DEVICES = LintRule(
    "writes variables that choose devices or thread numbers",
    "it holds for the programs that the model starts only, since all models share devices and thread pools",
    "name deviceIds or deviceType in model-config.yaml; set the others where the server is started",
)
WORK_FOLDER = LintRule(
    "changes the working directory",
    "it is this worker's own where the system allows; elsewhere C libraries and programs still see the server's",
    "build paths from context.system_properties['model_dir']",
)
SIGNALS = LintRule(
    "sets signal handlers or alarms",
    "only a process's main thread may: it raises ValueError in a worker's thread",
    "leave it out (responseTimeout in model-config.yaml bounds a request), or say isolation: process",
    needs_process=True,
)
PROCESSES = LintRule(
    "starts processes of its own",
    "a fork of a process with many threads may hang, and joblib's processes cannot import the archive's modules",
    "use threads (torch, numpy and Pillow compute in parallel), multiprocessing's spawn, or isolation: process in "
    "model-config.yaml",
    needs_process=True,
)
EXIT = LintRule(
    "exits",
    "it ends its worker only, which is replaced; the batch in hand is answered with an error",
    "raise an exception, or PredictionException with a status",
)
CRASH = LintRule(
    "kills its process",
    "that is the whole server, with all models",
    "raise an exception, or say isolation: process in model-config.yaml",
    needs_process=True,
)
SEED = LintRule(
    "seeds a global random generator",
    "all models draw from it, so that the numbers are not repeatable while others work",
    "keep a generator: random.Random(seed), numpy.random.default_rng(seed), torch.Generator().manual_seed(seed)",
    needs_process=True,
)
DTYPE = LintRule(
    "sets the default dtype",
    "it holds on the worker's own thread, for what makes tensors; not for arithmetic, nor on threads that it starts",
    "give dtype= where tensors are made, or convert the model: model.to(dtype)",
    needs_process=True,
)
CUDNN = LintRule(
    "chooses how cuDNN finds its algorithms",
    "it holds for all models of the process, whose results it changes by a rounding at most",
    "agree on it for all models, or leave the defaults",
)
TORCH_FLAGS = LintRule(
    "sets flags of torch",
    "they hold for all models of the process",
    "agree on them for all models, or leave the defaults",
    needs_process=True,
)
THREADS = LintRule(
    "sets the number of threads",
    "each worker gets its share of the cores; more than that slows all models down",
    "leave it out, or set OMP_NUM_THREADS where the server is started",
)
PATCHES = LintRule(
    "changes a module that all models share",
    "all models and the server get the changed one",
    "call your own function by its own name",
    needs_process=True,
)
REGISTERS = LintRule(
    "registers a class or function with a library",
    "the library keeps one of each name for the process, and refuses or replaces it when the next worker loads",
    "make the object by its class",
    needs_process=True,
)
PROFILER = LintRule(
    "runs torch's profiler",
    "it waits while another model profiles, since two at once would end the whole process",
    "leave it out while serving",
)
RANKS = LintRule(
    "computes in several ranks",
    "LOCAL_RANK, WORLD_SIZE and process groups are there only in workers that are groups of processes",
    "say parallelType: tp, and torchrun: {nproc-per-node: 2}, in model-config.yaml (docs/generative.md)",
    in_processes_too=True,
)
IMAGES = LintRule(
    "changes how Pillow reads images",
    "it holds for all models of the process",
    "set limit_max_image_pixels in the server's configuration; give broken images an answer of their own",
    needs_process=True,
)
WARNINGS = LintRule(
    "filters warnings",
    "the filters are those of all models",
    "leave it out; PYTHONWARNINGS where the server is started filters for all",
)
WARNING_ERRORS = LintRule(
    "turns warnings into errors",
    "other models fail where they only warned",
    "leave it out while serving",
    needs_process=True,
)
PROCESS_WIDE = LintRule(
    "changes a setting of the process",
    "it holds for the server and all models",
    "leave it to the server's operator",
    needs_process=True,
)
INSTALLS = LintRule(
    "installs packages",
    "they land in the server's environment, under the feet of all models",
    "archive a requirements.txt and set install_py_dep_per_model=true",
    in_processes_too=True,
)

CALLED: Mapping[str, LintRule] = {
    **dict.fromkeys(("os.putenv", "os.unsetenv"), ENVIRONMENT),
    **dict.fromkeys((f"os.environ.{name}" for name in ("update", "setdefault", "pop", "clear")), ENVIRONMENT),
    **dict.fromkeys(("os.chdir", "os.fchdir"), WORK_FOLDER),
    **dict.fromkeys(
        ("signal.signal", "signal.alarm", "signal.setitimer", "signal.set_wakeup_fd", "faulthandler.register"), SIGNALS
    ),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.fork", "concurrent.futures.ProcessPoolExecutor"), PROCESSES),
    **dict.fromkeys(
        (
            f"{package}.{name}"
            for package in ("multiprocessing", "torch.multiprocessing")
            for name in ("Process", "Pool", "Manager", "get_context", "spawn", "pool.Pool")
        ),
        PROCESSES,
    ),
    **dict.fromkeys(("sys.exit", "exit", "quit", "os._exit"), EXIT),
    **dict.fromkeys(("os.abort", "os.kill", "os.killpg", "signal.raise_signal", "_thread.interrupt_main"), CRASH),
    **dict.fromkeys(
        (
            "random.seed", "numpy.random.seed", "torch.manual_seed", "torch.seed", "torch.random.manual_seed",
            "torch.cuda.manual_seed", "torch.cuda.manual_seed_all", "transformers.set_seed",
            "pytorch_lightning.seed_everything", "lightning.seed_everything", "lightning.pytorch.seed_everything",
            "accelerate.utils.set_seed", "numpy.random.set_state", "random.setstate", "torch.set_rng_state",
            "torch.default_generator.manual_seed", "torch.default_generator.seed",
        ),
        SEED,
    ),
    **dict.fromkeys(("torch.set_default_dtype", "torch.set_default_tensor_type"), DTYPE),
    **dict.fromkeys(
        (
            "torch.use_deterministic_algorithms", "torch.set_float32_matmul_precision", "torch.set_flush_denormal",
            "torch.backends.cuda.enable_flash_sdp", "torch.backends.cuda.enable_mem_efficient_sdp",
            "torch.backends.cuda.enable_math_sdp", "torch.backends.mkldnn.set_flags", "torch.backends.mkldnn.flags",
            "torch.backends.nnpack.set_flags", "torch.backends.nnpack.flags",
        ),
        TORCH_FLAGS,
    ),
    **dict.fromkeys(("torch.set_num_threads", "cv2.setNumThreads"), THREADS),
    **dict.fromkeys(
        (
            "codecs.register", "codecs.register_error", "csv.register_dialect", "mimetypes.add_type",
            "sqlite3.register_converter", "xml.etree.ElementTree.register_namespace",
        ),
        REGISTERS,
    ),
    **dict.fromkeys(("torch.profiler.profile", "torch.autograd.profiler.profile"), PROFILER),
    **dict.fromkeys(("warnings.filterwarnings", "warnings.simplefilter"), WARNINGS),
    **dict.fromkeys(
        (
            "gc.disable", "gc.freeze", "gc.set_debug", "gc.set_threshold", "sys.setrecursionlimit",
            "sys.setswitchinterval", "locale.setlocale", "socket.setdefaulttimeout", "resource.setrlimit", "os.nice",
            "time.tzset", "threading.stack_size", "threading.settrace", "threading.setprofile", "tracemalloc.start",
            "faulthandler.dump_traceback_later", "faulthandler.disable", "os.setpriority", "sys.setdlopenflags",
            "sys.set_int_max_str_digits", "sys.addaudithook", "sys.meta_path.insert", "sys.meta_path.append",
            "sys.path_hooks.insert", "sys.path_hooks.append", "gc.callbacks.append", "csv.field_size_limit",
            "urllib.request.install_opener", "gettext.textdomain", "logging.setLoggerClass",
            "logging.setLogRecordFactory",
        ),
        PROCESS_WIDE,
    ),
}  # fmt: skip
"""Functions by their full names."""

ASSIGNED: Mapping[str, LintRule] = {
    "os.environ": ENVIRONMENT,
    "torch.backends": TORCH_FLAGS,
    **dict.fromkeys((f"torch.backends.cudnn.{name}" for name in ("benchmark", "deterministic", "enabled")), CUDNN),
    "PIL.Image.MAX_IMAGE_PIXELS": IMAGES,
    "PIL.ImageFile.LOAD_TRUNCATED_IMAGES": IMAGES,
}
"""The targets of writes, by their full names or that of their holder."""

IMPORTED: Mapping[str, LintRule] = {
    **dict.fromkeys(("torch.distributed", "deepspeed", "pippy", "tensorrt_llm", "ts.torch_handler.distributed"), RANKS),
    **dict.fromkeys(("ts.handler_utils.distributed",), RANKS),
}
"""Modules, by their own names or those of their packages."""

OWN_ATTRIBUTES = frozenset({"sys.path", "sys.modules", "sys.stdout", "sys.stderr", "sys.dont_write_bytecode"})
"""The targets that an archive may assign: each worker has its own, or nothing changes."""


@dataclass(frozen=True, slots=True)
class LibraryRule:
    """A library that holds state once per process."""

    names: tuple[str, ...]
    """Modules and functions, by their full names; all that lies in them counts."""
    harmless: frozenset[str]
    """Members of them that do not count."""
    when_imported: bool
    """Whether the import alone counts; else a call does."""
    rule: LintRule
    source: str
    """The page that says so."""

    def matches(self, name: str) -> bool:
        """Return whether a full name lies in the library, and counts."""
        for prefix in self.names:
            rest = name.removeprefix(prefix)
            if rest != name and (not rest or rest[0] == "." or prefix.endswith("_")):
                return not any(f"{rest}.".startswith(f".{each}.") for each in self.harmless)
        return False


@cache
def library_rules() -> Mapping[str, list[LibraryRule]]:
    """The table of libraries, by the top-level names that they have; read once."""
    by_top: dict[str, list[LibraryRule]] = {}
    for library in _read_rules(json.loads(Path(__file__).with_name("process_state.json").read_bytes())):
        for top in {name.partition(".")[0] for name in library.names}:
            by_top.setdefault(top, []).append(library)
    return by_top


def libraries_with(name: str) -> Iterator[LibraryRule]:
    """The libraries of the table in which a full name lies, and counts."""
    return (library for library in library_rules().get(name.partition(".")[0], ()) if library.matches(name))


def _read_rules(table: list[dict[str, Any]]) -> Iterator[LibraryRule]:
    for entry in table:
        rule = LintRule(entry["state"], "all models of the process share it", entry["remedy"], needs_process=True)
        harmless = frozenset(entry.get("but", ()))
        yield LibraryRule(tuple(entry["uses"]), harmless, entry.get("imported", False), rule, entry["source"])
