"""Settings of logging and tracing, and shared memory over gRPC."""

from typing import Any

from app.grpc.messages import TRITON, message
from app.grpc.triton.lookup import ModelLookup
from app.open_inference.live_settings import FORMATS, LiveSettings
from handler.tensors.errors import Code, TensorError

LOG_KINDS = {
    "log_info": ("bool_param", "boolean"),
    "log_warning": ("bool_param", "boolean"),
    "log_error": ("bool_param", "boolean"),
    "log_verbose_level": ("uint32_param", "int32"),
    "log_format": ("string_param", "string"),
    "log_file": ("string_param", "string"),
}
LISTS = {"trace_level"}
"""The trace settings that may have several values."""


class LiveApis:
    """Answers the calls that read or change what clients may set."""

    def __init__(self, models: ModelLookup, settings: LiveSettings) -> None:
        self._models = models
        self._settings = settings

    async def log_settings(self, request: Any) -> Any:
        """The log settings, after they have been changed as the request says."""
        changes = {}
        for name, setting in request.settings.items():
            if name not in LOG_KINDS:
                continue
            kind, words = LOG_KINDS[name]
            if setting.WhichOneof("parameter_choice") != kind:
                raise TensorError(f"expect {words} for '{name}'")
            changes[name] = getattr(setting, kind)
        form = changes.get("log_format", FORMATS[0])
        if form not in FORMATS:
            raise TensorError(f"invalid argument for log_format, got: {form}")
        self._settings.change_log(changes)
        response = message(TRITON, "LogSettingsResponse")()
        for name, value in self._settings.log.items():
            setattr(response.settings[name], LOG_KINDS[name][0], value)
        return response

    async def trace_setting(self, request: Any) -> Any:
        """The trace settings of the server or of a model, after they have been changed as the request says."""
        model = request.model_name or None
        if model is not None and not self._models.repositories.is_model_ready(model):
            raise TensorError(f"Request for unknown model : {model}")
        changes: dict[str, Any] = {}
        for name, setting in request.settings.items():
            values = list(setting.value)
            if name not in LISTS and len(values) > 1:
                raise TensorError(f"expect only 1 value for '{name}'")
            changes[name] = (values if name in LISTS else values[0]) if values else None
        self._settings.change_trace(model, changes)
        response = message(TRITON, "TraceSettingResponse")()
        for name, value in self._settings.trace(model).items():
            response.settings[name].value.extend([value] if isinstance(value, str) else value)
        return response

    async def system_shared_memory_status(self, request: Any) -> Any:
        """The registered regions, or one of them."""
        response = message(TRITON, "SystemSharedMemoryStatusResponse")()
        for region in self._settings.shared_memory.status(request.name or None):
            for field, value in region.described().items():
                setattr(response.regions[region.name], field, value)
        return response

    async def system_shared_memory_register(self, request: Any) -> Any:
        """Register a region."""
        self._settings.shared_memory.register(request.name, request.key, request.offset, request.byte_size)
        return message(TRITON, "SystemSharedMemoryRegisterResponse")()

    async def system_shared_memory_unregister(self, request: Any) -> Any:
        """Forget a region, or all of them."""
        self._settings.shared_memory.unregister(request.name or None)
        return message(TRITON, "SystemSharedMemoryUnregisterResponse")()

    async def cuda_shared_memory_status(self, request: Any) -> Any:
        """No region: there is none of CUDA's."""
        if request.name:
            raise TensorError(f"Unable to find cuda shared memory region: '{request.name}'", Code.NOT_FOUND)
        return message(TRITON, "CudaSharedMemoryStatusResponse")()

    async def cuda_shared_memory_register(self, request: Any) -> Any:
        """Raises TensorError: there is no shared memory of CUDA's."""
        raise TensorError("failed to register shared memory region: invalid args")

    async def cuda_shared_memory_unregister(self, request: Any) -> Any:
        """Forget a region, or all of them: there are none."""
        return message(TRITON, "CudaSharedMemoryUnregisterResponse")()
