"""Makes a loaded model faster, as the `pt2` key of model-config.yaml or the environment asks."""

import importlib
import importlib.util
import logging
import os

import torch

from ts.utils.util import check_valid_pt2_backend

logger = logging.getLogger(__name__)

IPEX_AVAILABLE = (
    os.environ.get("TS_IPEX_ENABLE", "false") == "true"
    and importlib.util.find_spec("intel_extension_for_pytorch") is not None
)

# These packages register their backend with torch when they are imported.
_BACKEND_PACKAGES = {
    "openvino": "openvino.torch",
    "tensorrt": "torch_tensorrt",
    "ipex": "intel_extension_for_pytorch",
    "hpu_backend": "habana_frameworks.torch.core",
}


def accelerate(model, config, device):
    """The model, compiled if `config` (model-config.yaml) says so, otherwise optimized by IPEX if that is switched on.

    What cannot be compiled is served as it is, with a warning.
    """
    options = compile_options(config)
    if options is not None:
        return _compiled(model, options)
    return _optimized(model, device) if IPEX_AVAILABLE else model


def compile_options(config):
    """The arguments for torch.compile, or None where it is not asked for, or for an unknown backend.

    `pt2: {compile: {enable: true, backend: inductor, ...}}` is the current form; `pt2: inductor` and
    `pt2: {backend: ...}` are the older ones. Anything else raises ValueError, a missing `enable` KeyError.
    """
    options = _requested(config["pt2"]) if "pt2" in config else None
    if options and "backend" in options and not check_valid_pt2_backend(options["backend"]):
        return None
    return options


def wants_aot_export(config):
    """Whether the model file is a library made by torch.export (`pt2: {export: {aot_compile: true}}`)."""
    pt2 = config.get("pt2")
    export = pt2.get("export") if isinstance(pt2, dict) else None
    return bool(export and export.get("aot_compile"))


def _requested(pt2):
    if isinstance(pt2, dict) and "compile" in pt2:
        # A copy: the YAML's own dict may serve the next worker as well.
        options = dict(pt2["compile"])
        return options if options.pop("enable") else None
    if isinstance(pt2, dict) and "export" in pt2:
        return None
    if not isinstance(pt2, (str, dict)):
        raise ValueError("pt2 should be str or dict")
    logger.warning("pt2 with the options themselves is the old form; write pt2: {compile: {enable: true, ...}}.")
    return {"backend": pt2} if isinstance(pt2, str) else dict(pt2)


def _compiled(model, options):
    wanted = ", ".join(f"{key} {value}" for key, value in options.items())
    try:
        package = _BACKEND_PACKAGES.get(options.get("backend"))
        if package:
            importlib.import_module(package)
        compiled = torch.compile(model, **options)
    except Exception as error:
        logger.warning("Compiling the model with %s has failed: %s. Proceeding without compilation.", wanted, error)
        return model
    logger.info("Compiled model with %s", wanted)
    return compiled


def _optimized(model, device):
    ipex = importlib.import_module("intel_extension_for_pytorch")
    optimized = ipex.optimize(model.to(memory_format=torch.channels_last).to(device))
    logger.info("Compiled model with ipex")
    return optimized
