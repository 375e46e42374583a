"""Workers load services of any kind."""

from pathlib import Path

import numpy as np

from handler.batching.batcher import Batcher
from handler.devices.cpu_budget import fixed_cores
from handler.devices.device import CPU
from handler.job import Job
from handler.metrics.server_metrics import Metrics
from handler.tensors.request_queue import BatchingRules, RequestQueue
from handler.workers.spec import WorkerSpec
from handler.workers.worker import Worker
from tests.support.tensor_models import FP32, request, signature, spec_of, write_add_sub

PAIR = signature({"A": (FP32, [4]), "B": (FP32, [4])}, {"SUM": (FP32, [4])}, 8)


def test_a_worker_serves_tensors(tmp_path: Path) -> None:
    write_add_sub(tmp_path / "1" / "model.onnx")
    service = spec_of(tmp_path, PAIR, backend="onnxruntime", file="model.onnx")
    spec = WorkerSpec(service, 0, 1, "W-1-m_1", CPU, fixed_cores(1), lambda stream, line: None)
    batcher, answers = Batcher(8, 0.0, 100, queue=RequestQueue(BatchingRules(8))), list[object]()
    worker = Worker(spec, batcher, Metrics().add_version("m", "1"), answers.extend, lambda ended: None)
    worker.start()
    worker.loaded.result(30)
    job = Job(request(PAIR, A=np.ones((2, 4), np.float32), B=np.ones((2, 4), np.float32)), "one")
    batcher.submit(job)
    batcher.close()
    assert worker.join(30)
    ((answered, response),) = answers
    assert answered is job
    assert response.outputs[0].array.tolist() == [[2] * 4] * 2
