"""TorchServe's handler for vLLM, which does not run here."""

raise ImportError(
    "ts.torch_handler.vllm_handler needs vLLM, with an event loop in a process of its own; "
    "use vLLM's own server instead"
)
