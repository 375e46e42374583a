"""Settings: everything that can be configured, as one frozen object."""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from app.settings import types
from app.settings.types import InitialModel, ListenAddress

Flag = Annotated[bool, types.truth]
Whole = Annotated[int, types.whole(0)]
Positive = Annotated[int, types.whole(1)]
Port = Annotated[int, types.port_number]
File = Annotated[Path, Path]
Patterns = Annotated[tuple[str, ...], types.patterns]
INFERENCE, MANAGEMENT, METRICS = (ListenAddress("http", "127.0.0.1", port) for port in (8080, 8081, 8082))
Authorization = Literal["all", "management", "off"]


class WrongValue(ValueError):
    """The value of `key` cannot be read; the text says what was expected."""

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(expected)
        self.key = key


@dataclass(frozen=True, kw_only=True)
class Settings:
    """TorchServe's configuration keys with TorchServe's defaults, then marserve's own.

    Times are in seconds, sizes in bytes, where nothing else is said; None means not set; paths are absolute. A value
    may be given as the text that stands for it. Raises WrongValue, and TypeError for a key that there is not.
    """

    inference_address: Annotated[ListenAddress, types.binding(80, 443)] = INFERENCE
    management_address: Annotated[ListenAddress, types.binding(8081, 8444)] = MANAGEMENT
    metrics_address: Annotated[ListenAddress, types.binding(8082, 8445)] = METRICS
    grpc_inference_address: str = "127.0.0.1"
    grpc_inference_port: Port = 7070
    grpc_inference_max_connection_age_ms: Whole | None = None
    grpc_inference_max_connection_age_grace_ms: Whole | None = None
    grpc_management_address: str = "127.0.0.1"
    grpc_management_port: Port = 7071
    grpc_management_max_connection_age_ms: Whole | None = None
    grpc_management_max_connection_age_grace_ms: Whole | None = None
    enable_grpc_ssl: Flag = False

    model_store: File | None = None
    workflow_store: File | None = None  # None: the model store
    load_models: Annotated[tuple[InitialModel, ...], types.initial_models] = ()
    models: Annotated[types.ModelSettings, types.model_settings] = field(default_factory=dict)
    model_snapshot: Annotated[dict[str, Any], types.model_snapshot] | None = None

    default_workers_per_model: Whole = 0  # 0: one per GPU, else one per CPU core
    job_queue_size: Positive = 100
    default_response_timeout: Whole = 120
    default_startup_timeout: Whole = 120
    unregister_model_timeout: Whole = 120
    max_request_size: Whole = 6553500
    max_response_size: Whole = 6553500
    limit_max_image_pixels: Flag = True
    decode_input_request: Flag = True
    service_envelope: str | None = None
    default_service_handler: str | None = None
    install_py_dep_per_model: Flag = False
    number_of_gpu: Whole | None = None
    initial_worker_port: Whole = 9000  # the number of the first worker
    ts_header_key_sequence_id: str = "ts_request_sequence_id"
    ts_header_key_sequence_start: str = "ts_request_sequence_start"
    ts_header_key_sequence_end: str = "ts_request_sequence_end"

    enable_model_api: Flag = False
    ts_open_inference_protocol: Annotated[bool, types.protocol] = False
    disable_token_authorization: Flag = False
    token_expiration_min: Annotated[float, types.number(above=0)] = 60  # minutes
    allowed_urls: Patterns = ("file://.*|http(s)?://.*",)
    use_env_allowed_urls: Flag = False
    blacklist_env_vars: Annotated[str, types.pattern] | None = None
    enable_envvars_config: Flag = False
    cors_allowed_origin: str | None = None
    cors_allowed_methods: str | None = None
    cors_allowed_headers: str | None = None
    private_key_file: File | None = None
    certificate_file: File | None = None
    keystore: File | None = None
    keystore_pass: str = field(default="changeit", repr=False)
    keystore_type: str = "PKCS12"

    metrics_mode: Annotated[Literal["log", "prometheus", "legacy"], types.word("log", "prometheus", "legacy")] = "log"
    metrics_config: File | None = None  # None: the one that comes with the ts package
    enable_metrics_api: Flag = True
    model_metrics_auto_detect: Flag = False
    disable_system_metrics: Flag = False
    metric_time_interval: Positive = 60
    system_metrics_cmd: str | None = None
    debug: Flag = False

    # Of TorchServe's Java front: read and checked, and without effect here.
    async_logging: Flag = False
    prefer_direct_buffer: Flag = False
    number_of_netty_threads: Whole = 0
    netty_client_threads: Whole = 0
    initial_distribution_port: Whole = 29500
    cpu_launcher_enable: Flag = False
    cpu_launcher_args: str | None = None
    ipex_enable: Flag = False
    ipex_gpu_enable: Flag = False
    use_native_io: Flag = True
    io_ratio: Whole = 50
    vmargs: str | None = None
    plugins_path: str | None = None
    cpp_log_config: str | None = None

    # marserve's own.
    marserve_metrics: Flag = False
    log_format: Annotated[Literal["text", "json"], types.word("text", "json")] = "text"
    drain_timeout: Annotated[float, types.number(least=0)] = 8
    hung_workers_limit: Positive = 4
    check_memory: Flag = True
    keep_serialized_files: Flag = True  # false: an unpacked one is there only while workers load
    allow_pickles: Flag = True
    management_token: str | None = field(default=None, repr=False)
    log_location: File | None = None  # None: no log files, the console only
    metrics_location: File | None = None

    # Not keys, but what follows from how this server was started.
    authorization: Authorization = "all"  # which calls need a token
    snapshots: bool = False
    one_port: bool = False  # a server of our own: its health tells the truth, and no route hides another
    grpc_apis: tuple[str, ...] = ()  # what gRPC serves: "inference", "management"
    config_file: str | None = None
    reload: File | None = None  # an unpacked archive, or a folder of archives, whose changes are followed
    given: Mapping[str, str] = field(default_factory=dict, repr=False)  # what was configured, as it was written
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in fields(self):
            read, value = _reader(each), getattr(self, each.name)
            if read is not None and value is not None:
                try:
                    object.__setattr__(self, each.name, read(value))
                except ValueError as error:
                    raise WrongValue(each.name, str(error)) from None

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed."""
        return replace(self, **changes)


def _reader(each: "Field[Any]") -> Callable[[object], Any] | None:
    """The function that reads a field's value, if it has one: it stands beside the type, which may be optional."""
    for kind in (each.type, *get_args(each.type)):
        for note in getattr(kind, "__metadata__", ()):
            return note  # type: ignore[no-any-return]
    return None
