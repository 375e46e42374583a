"""The model that model-config.yaml names."""

from pathlib import Path
from typing import Any

from slots import SlotModel


def load_model(context: Any) -> SlotModel:
    """With `handler.path` a model of transformers, else the small decoder, its step compiled if `pt2` says so.

    The other keys of `handler` are the parameters of its class. Relative paths are the archive's.
    """
    config, properties = context.model_yaml_config or {}, context.system_properties
    options = dict(config.get("handler") or {})
    for key in ("path", "weights"):
        if key in options:
            options[key] = Path(properties["model_dir"], options[key])
    options["device"] = "cpu" if properties.get("gpu_id") is None else f"cuda:{properties['gpu_id']}"
    options["backend"] = compile_backend(config)
    if "path" in options:
        from pretrained import Pretrained

        return Pretrained(**options).warm_up()
    from decoder import Decoder

    return Decoder(**options).warm_up()


def compile_backend(config: dict[str, Any]) -> str | None:
    """The backend of torch.compile, if `pt2` in model-config.yaml enables it as for BaseHandler."""
    options = (config.get("pt2") or {}).get("compile") or {}
    return options.get("backend", "inductor") if options.get("enable") else None
