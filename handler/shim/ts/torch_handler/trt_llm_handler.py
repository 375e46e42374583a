"""TorchServe's handler for TensorRT-LLM, which does not run here."""

raise ImportError(
    "ts.torch_handler.trt_llm_handler needs TensorRT-LLM, with an event loop in a process of its own; "
    "use TensorRT-LLM's own server instead"
)
