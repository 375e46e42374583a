"""Start and stop a server, and register models with it, from Python: for tests and benchmarks."""

import queue
import subprocess
import threading

STARTED = "Model server started"


def start(
    model_store=None,
    snapshot_file=None,
    no_config_snapshots=False,
    plugin_folder=None,
    disable_token=False,
    models=None,
    enable_model_api=False,
):
    """Stop what is running, start a server in the background, and return when it has started.

    Its output is printed; the lines that follow also come through the queue that is returned, None at their end.
    """
    stop()
    options = {
        "--model-store": model_store,
        "--plugins-path": plugin_folder,
        "--ts-config": snapshot_file,
        "--no-config-snapshots": no_config_snapshots,
        "--disable-token-auth": disable_token,
        "--models": models,
        "--enable-model-api": enable_model_api,
    }
    command = ["torchserve", "--start"]
    for name, value in options.items():
        command += [] if not value else [name] if value is True else [name, value]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        print(line.strip())
        if STARTED in line:
            break
    lines = queue.Queue()
    threading.Thread(target=_pass_on, args=(process, lines), daemon=True).start()
    return lines


def stop(wait=True):
    """Stop the running server, and wait until it has ended."""
    subprocess.run(["torchserve", "--stop", *(["--foreground"] if wait else [])], check=False)


def register_model_with_params(params):
    """The answer of the management API on its usual address to a registration, as `requests` gives it."""
    import requests

    return requests.post("http://localhost:8081/models", params=params, timeout=600)


def register_model(model_name, url):
    """Register an archive with one worker, and wait until that has loaded."""
    params = {"model_name": model_name, "url": url, "initial_workers": "1", "synchronous": "true"}
    return register_model_with_params(tuple(params.items()))


def _pass_on(process, lines):
    with process:
        for line in process.stdout:
            print(line.strip())
            lines.put(line)
    lines.put(None)
