"""The handler that most archives inherit from: loads a model of any usual form and takes rows through it."""

import importlib
import importlib.util
import logging
import os
import time

import packaging.version  # noqa: F401 (handlers that import packaging alone find its versions, as with TorchServe)
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ts.handler_utils.timer import timed
from ts.torch_handler.checkpoints import fits_as_it_is, load_checkpoint
from ts.torch_handler.compilation import IPEX_AVAILABLE, accelerate, wants_aot_export
from ts.torch_handler.onnx_options import session_options, session_providers
from ts.torch_handler.placement import XLA_AVAILABLE, choose_device
from ts.torch_handler.profiling import default_arguments, profiled
from ts.utils.util import check_valid_pt2_backend, list_classes_from_module, load_label_mapping

__all__ = [
    "IPEX_AVAILABLE",
    "ONNX_AVAILABLE",
    "PROFILER_AVAILABLE",
    "PT2_AVAILABLE",
    "PT230_AVAILABLE",
    "XLA_AVAILABLE",
    "BaseHandler",
    "ProfilerActivity",
    "check_valid_pt2_backend",
    "list_classes_from_module",
    "load_label_mapping",
    "profile",
    "record_function",
    "setup_ort_session",
    "timed",
]

logger = logging.getLogger(__name__)

# Any torch that this package accepts has these; handlers ask.
PROFILER_AVAILABLE = PT2_AVAILABLE = PT230_AVAILABLE = True
ONNX_AVAILABLE = importlib.util.find_spec("onnxruntime") is not None

if torch.cuda.is_available() and torch.version.cuda and torch.cuda.get_device_capability() >= (8, 0):
    torch.set_float32_matmul_precision("high")


def setup_ort_session(model_pt_path, map_location, config=None):
    """An ONNX Runtime session on that device ("cuda:1", "cpu", ...), or on the CPU where no provider is for it.

    `config` is the key `onnx` of model-config.yaml; its providers take the place of the device's.
    """
    import onnxruntime as ort

    device = torch.device(map_location or "cpu")
    providers = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in ort.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    elif device.type != "cpu" and not (config or {}).get("providers"):
        logger.warning("ONNX Runtime has no provider for %s here: %s runs on the CPU.", device, model_pt_path)
    options = session_options(config)
    further = {} if options is None else {"sess_options": options}
    return ort.InferenceSession(model_pt_path, providers=session_providers(config) or providers, **further)


class BaseHandler:
    """Loads a model in `initialize`; `handle` takes a batch through preprocess, inference and postprocess.

    The defaults stand in the class, because many handlers do not call `super().__init__()`.
    """

    model = None
    mapping = None
    device = None
    initialized = False
    context = None
    model_pt_path = None
    manifest = None
    map_location = None
    explain = False
    target = 0
    model_yaml_config = None

    def __init__(self):
        self.profiler_args = {}

    def initialize(self, context):
        """Load the model of the archive onto the worker's device, and the labels of index_to_name.json.

        A model file (eager mode, with or without weights), a TorchScript .pt, an .onnx, AOTInductor's .pt2 or an
        exported .so, in this order; RuntimeError where there is none of them.
        """
        properties = context.system_properties
        model_dir = properties.get("model_dir")
        self.model_yaml_config = getattr(context, "model_yaml_config", None) or {}
        self.manifest = context.manifest
        self.device, self.map_location = choose_device(properties.get("gpu_id"))
        weights = self.manifest["model"].get("serializedFile")
        self.model_pt_path = os.path.join(model_dir, weights) if weights else None
        self.model = self._load_archived_model(model_dir)
        self.model = accelerate(self.model, self.model_yaml_config, self.device)
        self.mapping = load_label_mapping(os.path.join(model_dir, "index_to_name.json"))
        self.initialized = True

    def _load_archived_model(self, model_dir):
        model_file = self.manifest["model"].get("modelFile")
        path = self.model_pt_path or ""
        if model_file:
            model = self._load_pickled_model(model_dir, model_file, self.model_pt_path)
            model.to(self.device)
            model.eval()
        elif path.endswith(".pt"):
            model = self._load_torchscript_model(path)
            model.eval()
        elif path.endswith(".onnx") and ONNX_AVAILABLE:
            model = setup_ort_session(path, self.device, (self.model_yaml_config or {}).get("onnx"))
        elif path.endswith(".pt2"):
            model = self._load_aot_inductor_package(path)
        elif path.endswith(".so") and self._use_torch_export_aot_compile():
            model = self._load_torch_export_aot_compile(path)
        else:
            raise RuntimeError("No model weights could be loaded")
        return model

    def _load_pickled_model(self, model_dir, model_file, model_pt_path):
        """The one model class of the model file, made without arguments, with its weights if there are any.

        Where the weights turn out to be a whole saved module, that is the model.
        """
        if not os.path.isfile(os.path.join(model_dir, model_file)):
            raise RuntimeError("Missing the model.py file")
        classes = list_classes_from_module(importlib.import_module(model_file.split(".")[0]))
        if len(classes) != 1:
            raise ValueError(f"Expected only one class as model definition. {classes}")
        if not model_pt_path:
            return classes[0]()
        checkpoint = load_checkpoint(model_pt_path, self.device)
        if isinstance(checkpoint, torch.nn.Module):
            return checkpoint
        model = classes[0]()
        try:
            model.load_state_dict(checkpoint, assign=fits_as_it_is(model, checkpoint))
        except Exception as error:
            error.add_note(_misfit(model_pt_path, classes[0], checkpoint))
            raise
        return model

    def _load_torchscript_model(self, model_pt_path):
        try:
            return torch.jit.load(model_pt_path, map_location=self.device)
        except RuntimeError as error:
            error.add_note(
                f"{model_pt_path} is no TorchScript that this torch can read. If torch.save wrote it, archive the file "
                "of the model's class with it (--model-file)."
            )
            raise

    def _load_aot_inductor_package(self, model_pt2_path):
        """The model of a package that torch._inductor.aoti_compile_and_package has written."""
        return torch._inductor.aoti_load_package(model_pt2_path)  # noqa: SLF001 (torch documents it so)

    def _load_torch_export_aot_compile(self, model_so_path):
        from torch._export import aot_load

        if self.map_location == "cuda":
            torch.cuda.set_device(self.device)
        return aot_load(model_so_path, self.map_location)

    def _use_torch_export_aot_compile(self):
        return wants_aot_export(self.model_yaml_config or {})

    @timed
    def preprocess(self, data):
        """The rows as one tensor on the device."""
        return torch.as_tensor(data, device=self.device)

    @timed
    def inference(self, data, *args, **kwargs):
        """The model's output for the tensor."""
        with torch.inference_mode():
            return self.model(data.to(self.device), *args, **kwargs)

    @timed
    def postprocess(self, data):
        """The tensor as nested lists."""
        return data.tolist()

    def handle(self, data, context):
        """The answers to a batch of rows; emits HandlerTime (ms).

        The first row's headers decide for the batch whether it is explained or described instead. With
        ENABLE_TORCH_PROFILER set it runs under torch's profiler.
        """
        return self.handle_with(self._pass_stages, data, context)

    def handle_with(self, predict, data, context):
        """As `handle`, with another way from rows to answers than the three stages one after the other."""
        began = time.perf_counter()
        self.context = context
        if os.environ.get("ENABLE_TORCH_PROFILER"):
            output, _ = self._infer_with_profiler(data)
        elif self._is_describe():
            output = [self.describe_handle()]
        elif self._is_explain():
            output = self.explain_handle(self.preprocess(data), data)
        else:
            output = predict(data)
        _tell_time(context.metrics, round((time.perf_counter() - began) * 1000, 2))
        return output

    def _pass_stages(self, data):
        return self.postprocess(self.inference(self.preprocess(data)))

    def _infer_with_profiler(self, data):
        """The answers to a batch, and the profiler that watched; `profiler_args` are its arguments."""
        name = ((self.manifest or {}).get("model") or {}).get("modelName", "")
        self.profiler_args = default_arguments(name, getattr(self, "profiler_args", {}))
        with profiled(self.profiler_args) as profiler:
            with record_function("preprocess"):
                prepared = self.preprocess(data)
            if self._is_explain():
                with record_function("explain"):
                    output = self.explain_handle(prepared, data)
            else:
                with record_function("inference"):
                    result = self.inference(prepared)
                with record_function("postprocess"):
                    output = self.postprocess(result)
        return output, profiler

    def explain_handle(self, data_preprocess, raw_data):
        """The result of `get_insights(preprocessed, input, target)`, a method of the subclass, about the first row."""
        row = raw_data[0] if isinstance(raw_data[0], dict) else {}
        logger.info("Calculating Explanations")
        return self.get_insights(data_preprocess, row.get("data") or row.get("body"), row.get("target") or 0)

    def _is_explain(self):
        if self.context is None or self.context.get_request_header(0, "explain") != "True":
            return False
        # It stays so for the predictions to come, as in TorchServe; nothing here reads it.
        self.explain = True
        return True

    def _is_describe(self):
        return self.context is not None and self.context.get_request_header(0, "describe") == "True"

    def describe_handle(self):
        """The model's description of itself; None unless a subclass has one."""

    def get_device(self):
        """The device that the model is on."""
        return self.device


def _tell_time(metrics, milliseconds):
    tell = getattr(type(metrics), "tell_time", None)  # unit tests of handlers bring metrics of their own
    if tell is None:
        metrics.add_time("HandlerTime", milliseconds, None, "ms")
    else:
        tell(metrics, "HandlerTime", milliseconds)


def _misfit(path, model_class, checkpoint):
    """The message about weights that a model does not take."""
    told = f"{path} does not hold the weights of {model_class.__module__}.{model_class.__name__}."
    nested = (
        [key for key, value in checkpoint.items() if isinstance(value, dict)] if isinstance(checkpoint, dict) else []
    )
    if nested:
        told += f" It seems to be a training's checkpoint: archive what is in it under one of {nested} alone."
    return told
