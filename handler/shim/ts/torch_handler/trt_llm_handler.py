"""TorchServe's handler for TensorRT-LLM, which does not run here."""

raise ImportError(
    "ts.torch_handler.trt_llm_handler needs TensorRT-LLM, and is not supported; write an async handler around it with "
    "asyncCommunication: true, or use vllm_handler or TensorRT-LLM's own server"
)
