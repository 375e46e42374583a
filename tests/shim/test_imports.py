"""The surface of `ts`: what archives import is there, and costs no more than it must."""

import importlib
import subprocess
import sys

import pytest
import ts

LIGHT = [
    "ts",
    "ts.version",
    "ts.context",
    "ts.service",
    "ts.handler_utils.micro_batching",
    "ts.handler_utils.text_utils",
    "ts.handler_utils.timer",
    "ts.handler_utils.utils",
    "ts.metrics.caching_metric",
    "ts.metrics.dimension",
    "ts.metrics.metric",
    "ts.metrics.metric_abstract",
    "ts.metrics.metric_cache_abstract",
    "ts.metrics.metric_cache_errors",
    "ts.metrics.metric_cache_yaml_impl",
    "ts.metrics.metric_encoder",
    "ts.metrics.metric_type_enum",
    "ts.metrics.metrics_store",
    "ts.metrics.process_memory_metric",
    "ts.metrics.unit",
    "ts.model_service.model_service",
    "ts.protocol.otf_message_handler",
    "ts.torch_handler.contractions",
    "ts.torch_handler.request_envelope.body",
    "ts.torch_handler.request_envelope.json",
    "ts.torch_handler.request_envelope.kserve",
    "ts.utils.util",
]
SURFACE = {
    "ts.torch_handler.base_handler": (
        "BaseHandler setup_ort_session load_label_mapping list_classes_from_module check_valid_pt2_backend timed "
        "PROFILER_AVAILABLE XLA_AVAILABLE PT2_AVAILABLE PT230_AVAILABLE IPEX_AVAILABLE ONNX_AVAILABLE "
        "profile record_function ProfilerActivity"
    ),
    "ts.torch_handler.vision_handler": "VisionHandler BaseHandler",
    "ts.torch_handler.image_classifier": "ImageClassifier VisionHandler map_class_to_label transforms",
    "ts.torch_handler.object_detector": "ObjectDetector VisionHandler",
    "ts.torch_handler.image_segmenter": "ImageSegmenter VisionHandler",
    "ts.torch_handler.text_handler": "TextHandler BaseHandler CLEANUP_REGEX CONTRACTION_MAP CONTRACTIONS_PATTERN",
    "ts.torch_handler.text_classifier": "TextClassifier TextHandler",
    "ts.torch_handler.densenet_handler": "DenseNetHandler",
    "ts.torch_handler.request_envelope.base": "BaseEnvelope",
    "ts.torch_handler.request_envelope.kservev2": "KServev2Envelope",
    "ts.torch_handler.unit_tests.test_utils.mock_context": "MockContext",
    "ts.torch_handler.unit_tests.test_utils.model_dir": "copy_files download_model",
    "ts.torch_handler.unit_tests.models.base_model": "ArgmaxModel save_pt_file",
    "ts.service": "PredictionException Context RequestProcessor PREDICTION_METRIC emit_metrics get_yaml_config",
    "ts.metrics.metric": "Metric MetricUnit",
}
ELSEWHERE = {
    "ts.torch_handler.trt_llm_handler": "TensorRT-LLM",
    "ts.torch_handler.dali_handler": "NVIDIA DALI",
    "ts.torch_handler.dali_image_classifier": "NVIDIA DALI",
    "ts.torch_handler.distributed.base_deepspeed_handler": "DeepSpeed",
    "ts.torch_handler.distributed.base_pippy_handler": "PiPPy",
    "ts.handler_utils.distributed.deepspeed": "DeepSpeed",
    "ts.handler_utils.distributed.pt_pippy": "PiPPy",
    "ts.handler_utils.preprocess.dali": "NVIDIA DALI",
}


def loaded_after(modules, suspects):
    """The suspects that a fresh interpreter has in memory after importing these modules."""
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(*(name for name in {suspects!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_version_is_torchserves():
    assert ts.__version__ == "0.12.0"


def test_what_needs_no_torch_does_not_import_it():
    assert loaded_after(LIGHT, ["torch", "PIL", "numpy", "captum", "onnxruntime", "psutil"]) == []


def test_a_base_handler_needs_torch_alone():
    assert loaded_after(["ts.torch_handler.base_handler"], ["torch", "PIL", "captum", "onnxruntime", "psutil"]) == [
        "torch"
    ]


def test_vision_handlers_need_pillow_but_no_captum():
    modules = ["ts.torch_handler.image_classifier", "ts.torch_handler.text_classifier"]
    assert loaded_after(modules, ["PIL", "captum", "onnxruntime"]) == ["PIL"]


@pytest.mark.parametrize("module", SURFACE)
def test_names_are_where_handlers_look_for_them(module):
    found = importlib.import_module(module)
    assert [name for name in SURFACE[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", ELSEWHERE)
def test_what_cannot_run_here_says_what_it_needs(module):
    with pytest.raises(ImportError, match=f"{module} needs {ELSEWHERE[module]}"):
        importlib.import_module(module)


def test_a_handler_that_imports_ts_alone_reaches_what_its_worker_has_imported():
    parts = (
        "ts.context.Context, ts.handler_utils.utils.import_class, ts.metrics.dimension.Dimension, ts.metrics.metric, "
    )
    parts += "ts.metrics.metrics_store, ts.protocol.otf_message_handler, ts.service, ts.utils.util.PredictionException"
    subprocess.run([sys.executable, "-c", f"import handler.workers.service, ts\n{parts}"], check=True)


def test_versions_are_compared_by_handlers_that_import_packaging_alone():
    code = "import ts.torch_handler.base_handler, packaging\nprint(packaging.version.Version('1.2'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.2"


def test_torchvisions_transforms_are_used_where_it_is_installed(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    (tmp_path / "torchvision" / "transforms.py").write_text(
        "def Compose(steps): return ('torchvision', *steps)\n"
        "Resize = CenterCrop = int\ndef ToTensor(): return 'tensor'\ndef Normalize(mean, std): return mean[0]\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from ts.torch_handler.image_segmenter import ImageSegmenter\nprint(ImageSegmenter.image_processing)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('torchvision', 256, 224, 'tensor', 0.485)"
