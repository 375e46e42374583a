"""The handlers of the recording: archives of a runtime, and what KServe's storage initializer lays out of them."""

import json
import textwrap
import zipfile
from pathlib import Path

DOUBLE = """
    def twice(value):
        return [twice(each) for each in value] if isinstance(value, list) else 2 * value
    class Double:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            values = [row.get("data", row.get("body")) if isinstance(row, dict) else row for row in data]
            if context.get_request_header(0, "explain") == "True":
                return [{"explained": type(value).__name__} for value in values]
            return [twice(value) for value in values]
"""
OBEYS = """
    import json, time
    from ts.utils.util import PredictionException
    class Say:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            first = data[0]
            if isinstance(first, dict) and first.get("datatype") == "BYTES" and first["data"].startswith("{"):
                first = json.loads(first["data"])
            word = first.get("do") if isinstance(first, dict) else None
            if word == "raise":
                raise ValueError("no such word")
            if word == "predict-error":
                raise PredictionException("not today", first["code"])
            if word == "status":
                context.set_response_status(first["code"], first.get("phrase", ""), 0)
            if word == "sleep":
                time.sleep(first["seconds"])
            if word == "text":
                return ["plain text"] * len(data)
            return [len(data)] if word == "count" else list(data)
"""
BYTES = """
    import base64
    class Bytes:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            sent = [base64.b64decode(row["data"]) for row in data]
            if b"raise" in sent:
                raise ValueError("no such word")
            return ["plain text" if each == b"say" else [len(each), sum(each)] for each in sent]
"""
BROKEN = """
    class Broken:
        def initialize(self, context):
            raise RuntimeError("no weights here")
        def handle(self, data, context):
            return data
"""
MODELS = {"double": DOUBLE, "say": OBEYS, "pairs": DOUBLE, "bytes": BYTES, "sleepy": OBEYS, "broken": BROKEN}
CONFIG = """\
inference_address=http://127.0.0.1:{inference}
management_address=http://127.0.0.1:{inference}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_port={grpc}
grpc_management_port={grpc_management}
enable_metrics_api=true
metrics_format=prometheus
number_of_netty_threads=4
job_queue_size=10
enable_envvars_config=true
install_py_dep_per_model=true
model_store={store}
model_snapshot={snapshot}
"""
TIMEOUT_SECONDS = 1
"""Of each response; the recording had 5, and its slowest handler slept for longer too."""


def lay_out(folder: Path, ports: dict[str, int]) -> None:
    """Write `model-store` and `config`, with TorchServe on these ports."""
    store = folder / "model-store"
    store.mkdir(parents=True)
    (folder / "config").mkdir()
    for name, source in MODELS.items():
        described = {"modelName": name, "handler": "handler.py", "modelVersion": "1.0"}
        with zipfile.ZipFile(store / f"{name}.mar", "w") as out:
            out.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": described}))
            out.writestr("handler.py", textwrap.dedent(source))
    entries = {
        name: {
            "1.0": {
                "defaultVersion": True, "marName": f"{name}.mar", "minWorkers": 1, "maxWorkers": 1,
                "batchSize": 2 if name == "pairs" else 1, "maxBatchDelay": 500, "responseTimeout": TIMEOUT_SECONDS,
            }
        }
        for name in MODELS
    }  # fmt: skip
    snapshot = json.dumps({"name": "startup.cfg", "modelCount": len(MODELS), "models": entries})
    (folder / "config" / "config.properties").write_text(CONFIG.format(store=store, snapshot=snapshot, **ports))
