"""The key `onnx` of model-config.yaml: providers and options of the ONNX Runtime session that BaseHandler makes.

onnx:
  providers: [[CUDAExecutionProvider, {device_id: 1}], CPUExecutionProvider]
  session: {graph_optimization_level: ORT_DISABLE_ALL, session.disable_prepacking: "1"}
"""

import logging

logger = logging.getLogger(__name__)


def session_providers(config):
    """The providers that are named and installed, with the CPU's last; [] where none is named.

    ValueError for what is no list of names, or of names with options.
    """
    named = (config or {}).get("providers")
    if not named:
        return []
    import onnxruntime

    providers = [_provider(each) for each in ([named] if isinstance(named, str) else named)]
    available = set(onnxruntime.get_available_providers())
    missing = [each[0] for each in providers if each[0] not in available]
    if missing:
        logger.warning("ONNX Runtime has no %s here; the next provider takes its place.", ", ".join(missing))
    found = [each for each in providers if each[0] in available]
    if all(each[0] != "CPUExecutionProvider" for each in found):
        found.append(("CPUExecutionProvider", {}))
    return [each if each[1] else each[0] for each in found]


def session_options(config):
    """The options of the key `session`, None where there is none: attributes of SessionOptions, or entries with a dot.

    ValueError for an unknown one.
    """
    wanted = (config or {}).get("session")
    if not wanted:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern = False  # it pays for batches of one size alone
    for name, value in wanted.items():
        if "." in str(name):
            options.add_session_config_entry(str(name), str(value))
        else:
            _set(options, str(name), value)
    return options


def _set(options, name, value):
    import onnxruntime

    kinds = {
        "graph_optimization_level": onnxruntime.GraphOptimizationLevel,
        "execution_mode": onnxruntime.ExecutionMode,
        "execution_order": onnxruntime.ExecutionOrder,
    }
    if name.startswith("_") or callable(getattr(options, name, len)):
        raise ValueError(f"onnx: session: {name} in model-config.yaml is no option of ONNX Runtime's sessions")
    kind = kinds.get(name)
    if kind is not None and not hasattr(kind, str(value)):
        raise ValueError(f"onnx: session: {name}: {value} is none of {', '.join(kind.__members__)}")
    try:
        setattr(options, name, value if kind is None else getattr(kind, str(value)))
    except TypeError as error:
        raise ValueError(f"onnx: session: {name}: {value!r} has the wrong type") from error


def _provider(entry):
    """(name, options) of one entry."""
    name, options = (entry, {}) if isinstance(entry, str) else (entry if len(entry) == 2 else (None, None))
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ValueError(f"onnx: providers: {entry!r} in model-config.yaml is no name, and no [name, {{options}}]")
    return name, options
