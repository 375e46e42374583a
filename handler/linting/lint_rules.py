"""What archives do that threads of one process change: how to know it by its name, what it changes, and the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Practice:
    """One such habit."""

    title: str
    changes: str
    """What is otherwise than in a process of the archive's own."""
    remedy: str
    everywhere: bool = False
    """Whether that is so in a process of the archive's own (`isolation: process`), too."""


ENVIRONMENT = Practice(
    "writes environment variables",
    "they are the worker's own, but libraries written in C find what any model has set last",
    "set them where the server is started",
)
DEVICES = Practice(
    "writes variables that choose devices or thread numbers",
    "it holds for the programs that the model starts only, since all models share devices and thread pools",
    "name deviceIds or deviceType in model-config.yaml; set the others where the server is started",
)
WORK_FOLDER = Practice(
    "changes the working directory",
    "it is this worker's own where the system allows; elsewhere C libraries and programs still see the server's",
    "build paths from context.system_properties['model_dir']",
)
SIGNALS = Practice(
    "sets signal handlers or alarms",
    "only a process's main thread may: it raises ValueError in a worker's thread",
    "leave it out (responseTimeout in model-config.yaml bounds a request), or say isolation: process",
)
PROCESSES = Practice(
    "starts processes of its own",
    "a fork of a process with many threads may hang, and joblib's processes cannot import the archive's modules",
    "use threads (torch, numpy and Pillow compute in parallel), multiprocessing's spawn, or isolation: process in "
    "model-config.yaml",
)
EXIT = Practice(
    "exits",
    "it ends its worker only, which is replaced; the batch in hand is answered with an error",
    "raise an exception, or PredictionException with a status",
)
CRASH = Practice(
    "kills its process",
    "that is the whole server, with all models",
    "raise an exception, or say isolation: process in model-config.yaml",
)
SEED = Practice(
    "seeds a global random generator",
    "all models draw from it, so that the numbers are not repeatable while others work",
    "keep a generator: random.Random(seed), numpy.random.default_rng(seed), torch.Generator().manual_seed(seed)",
)
DTYPE = Practice(
    "sets the default dtype",
    "it holds on the worker's own thread, for what makes tensors; not for arithmetic, nor on threads that it starts",
    "give dtype= where tensors are made, or convert the model: model.to(dtype)",
)
TORCH_FLAGS = Practice(
    "sets flags of torch",
    "they hold for all models of the process",
    "agree on them for all models, or leave the defaults",
)
THREADS = Practice(
    "sets the number of threads",
    "each worker gets its share of the cores; more than that slows all models down",
    "leave it out, or set OMP_NUM_THREADS where the server is started",
)
PROFILER = Practice(
    "runs torch's profiler",
    "it waits while another model profiles, since two at once would end the whole process",
    "leave it out while serving",
)
RANKS = Practice(
    "computes in several ranks",
    "there is one process and no torchrun: LOCAL_RANK, WORLD_SIZE and process groups are not there",
    "serve this model with a server of its own, such as torchrun or vLLM starts",
    everywhere=True,
)
IMAGES = Practice(
    "changes how Pillow reads images",
    "it holds for all models of the process",
    "set limit_max_image_pixels in the server's configuration; give broken images an answer of their own",
)
WARNINGS = Practice(
    "filters warnings",
    "the filters are those of all models",
    "leave it out; PYTHONWARNINGS where the server is started filters for all",
)
PROCESS_WIDE = Practice(
    "changes a setting of the process",
    "it holds for the server and all models",
    "leave it to whoever runs the server",
)
INSTALLS = Practice(
    "installs packages",
    "they land in the server's environment, under the feet of all models",
    "archive a requirements.txt and set install_py_dep_per_model=true",
    everywhere=True,
)

CALLED: Mapping[str, Practice] = {
    **dict.fromkeys(("os.putenv", "os.unsetenv"), ENVIRONMENT),
    **dict.fromkeys((f"os.environ.{name}" for name in ("update", "setdefault", "pop", "clear")), ENVIRONMENT),
    **dict.fromkeys(("os.chdir", "os.fchdir"), WORK_FOLDER),
    **dict.fromkeys(("signal.signal", "signal.alarm", "signal.setitimer", "signal.set_wakeup_fd"), SIGNALS),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.fork", "concurrent.futures.ProcessPoolExecutor"), PROCESSES),
    **dict.fromkeys(
        (
            f"{package}.{name}"
            for package in ("multiprocessing", "torch.multiprocessing")
            for name in ("Process", "Pool", "Manager", "get_context", "set_start_method", "spawn", "pool.Pool")
        ),
        PROCESSES,
    ),
    **dict.fromkeys(("sys.exit", "exit", "quit", "os._exit"), EXIT),
    **dict.fromkeys(("os.abort", "os.kill", "os.killpg", "signal.raise_signal"), CRASH),
    **dict.fromkeys(
        (
            "random.seed", "numpy.random.seed", "torch.manual_seed", "torch.seed", "torch.random.manual_seed",
            "torch.cuda.manual_seed", "torch.cuda.manual_seed_all", "transformers.set_seed",
            "pytorch_lightning.seed_everything",
        ),
        SEED,
    ),
    **dict.fromkeys(("torch.set_default_dtype", "torch.set_default_tensor_type"), DTYPE),
    **dict.fromkeys(
        (
            "torch.use_deterministic_algorithms", "torch.set_float32_matmul_precision", "torch.set_flush_denormal",
            "torch.backends.cuda.enable_flash_sdp", "torch.backends.cuda.enable_mem_efficient_sdp",
            "torch.backends.cuda.enable_math_sdp",
        ),
        TORCH_FLAGS,
    ),
    **dict.fromkeys(("torch.set_num_threads", "torch.set_num_interop_threads", "cv2.setNumThreads"), THREADS),
    **dict.fromkeys(("torch.profiler.profile", "torch.autograd.profiler.profile"), PROFILER),
    **dict.fromkeys(("warnings.filterwarnings", "warnings.simplefilter"), WARNINGS),
    **dict.fromkeys(
        (
            "gc.disable", "gc.freeze", "gc.set_threshold", "sys.setrecursionlimit", "sys.setswitchinterval",
            "locale.setlocale", "socket.setdefaulttimeout", "resource.setrlimit", "os.nice", "time.tzset",
            "threading.stack_size",
        ),
        PROCESS_WIDE,
    ),
}  # fmt: skip
"""Functions by their full names."""

ASSIGNED: Mapping[str, Practice] = {
    "os.environ": ENVIRONMENT,
    "torch.backends": TORCH_FLAGS,
    "PIL.Image.MAX_IMAGE_PIXELS": IMAGES,
    "PIL.ImageFile.LOAD_TRUNCATED_IMAGES": IMAGES,
}
"""What is written to, by its full name or that of what holds it."""

IMPORTED: Mapping[str, Practice] = {
    **dict.fromkeys(("torch.distributed", "deepspeed", "pippy", "tensorrt_llm", "ts.torch_handler.distributed"), RANKS),
    **dict.fromkeys(("ts.handler_utils.distributed",), RANKS),
}
"""Modules, by their own names or those of their packages."""
