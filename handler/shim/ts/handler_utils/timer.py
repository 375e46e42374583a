"""Times a handler's stages where its model-config.yaml asks for it."""

import functools
import sys
import time


def timed(func):
    """Decorate a handler's method to emit its time as gauge `ts_handler_<method>` (ms).

    Only with `handler: {profile: true}` in the model's YAML; otherwise the call passes straight through.
    """

    @functools.wraps(func)
    def timed_call(self, *args, **kwargs):
        if not _is_profiled(self):
            return func(self, *args, **kwargs)
        stop = _start()
        result = func(self, *args, **kwargs)
        self.context.metrics.add_time(f"ts_handler_{func.__name__}", stop())
        return result

    return timed_call


def _is_profiled(handler):
    config = getattr(getattr(handler, "context", None), "model_yaml_config", None)
    section = config.get("handler") if config else None
    return bool(section and section.get("profile"))


def _start():
    """Start a stopwatch; calling what is returned stops it and gives milliseconds."""
    torch = sys.modules.get("torch")
    # Without torch in memory nothing can be running on a GPU.
    if torch is not None and torch.cuda.is_available():
        return _start_on_gpu(torch.cuda)
    began = time.perf_counter()
    return lambda: (time.perf_counter() - began) * 1000


def _start_on_gpu(cuda):
    began, ended = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    began.record()

    def stop():
        ended.record()
        cuda.synchronize()
        return began.elapsed_time(ended)

    return stop
