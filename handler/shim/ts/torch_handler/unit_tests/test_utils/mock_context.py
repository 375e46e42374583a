"""A context for tests of handlers, without a server."""

import os
import uuid

import torch

from ts.metrics.metrics_store import MetricsStore
from ts.utils.util import get_yaml_config


class MockContext:
    """The part of a Context that handlers need; `explain` says whether the request asks for an explanation.

    `model_yaml_config_file` is looked for in `model_dir`.
    """

    def __init__(
        self,
        model_pt_file="model.pt",
        model_dir="ts/torch_handler/unit_tests/models/tmp",
        model_file="model.py",
        gpu_id="0",
        model_name="mnist",
        model_yaml_config_file=None,
    ):
        files = {"serializedFile": model_pt_file, "modelFile": model_file}
        self.manifest = {"model": {key: name for key, name in files.items() if name}}
        self.system_properties = {"model_dir": model_dir}
        if torch.cuda.is_available() and gpu_id:
            self.system_properties["gpu_id"] = gpu_id
        self.explain = False
        self.metrics = MetricsStore(uuid.uuid4(), model_name)
        self.model_yaml_config = {}
        if model_yaml_config_file:
            self.model_yaml_config = get_yaml_config(os.path.join(model_dir, model_yaml_config_file))

    def get_request_header(self, idx, exp):
        """True for rows other than the first (sic) if `explain` is set, otherwise False."""
        return bool(idx and exp and self.explain)
