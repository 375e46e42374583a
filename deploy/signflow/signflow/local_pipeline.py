"""The model inside the backend's own process: what translates while the server does not."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import yaml

from signflow.archive import FOLDER
from signflow.archive.postprocessing import Postprocessor


class LocalPipeline:
    """An async callable for the client, from a window [64, 469] to what the archive would answer.

    So many threads compute beside the event loop, each a window at a time.
    """

    def __init__(self, model: Path = FOLDER / "transformer.onnx", threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        config = yaml.safe_load((FOLDER / "model-config.yaml").read_text())
        self._postprocessor = Postprocessor.from_context(
            SimpleNamespace(system_properties={"model_dir": str(FOLDER)}, model_yaml_config=config)
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="signflow-local")

    async def __call__(self, window: np.ndarray) -> tuple[Any, ...]:
        """Translate without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.translate, window)

    def translate(self, window: np.ndarray) -> tuple[Any, ...]:
        """(prediction, confidence, alternatives, device), computed in the calling thread."""
        logits = self._session.run(None, {"window": window[None].astype(np.float32, copy=False)})[0]
        [answer] = self._postprocessor.answers(logits, {}, "cpu", None)
        return answer["prediction"], answer["confidence"], answer["alternatives"], answer["device"]

    def close(self) -> None:
        """End the threads; what is being translated is finished."""
        self._threads.shutdown()
