"""A decorator that measures the time of functions."""

import functools
import time


def timeit(func):
    """Decorate a function to print, after each call, how long it took and how much of the CPU's time."""

    @functools.wraps(func)
    def timed(*args, **kwargs):
        began, cpu_began = time.perf_counter(), time.process_time()
        result = func(*args, **kwargs)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        print(
            f"func: {func.__name__!r} took a total of {seconds:2.4f} sec to run and {cpu_seconds:2.4f} sec of CPU time"
        )
        return result

    return timed
