"""Settings: everything that can be configured, as one frozen object."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from app.configuration import values
from app.configuration.values import Binding, InitialModel


def _binding(http_port: int, https_port: int) -> Callable[[object], Binding]:
    return lambda value: value if isinstance(value, Binding) else Binding.parse(str(value), http_port, https_port)


Flag = Annotated[bool, PlainValidator(values.truth)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, PlainValidator(values.port_number)]
Pattern = Annotated[str, AfterValidator(values.pattern)]
Patterns = Annotated[tuple[str, ...], PlainValidator(values.patterns)]
Authorization = Literal["all", "management", "off"]
Word = BeforeValidator(lambda value: str(value).lower())


class Settings(BaseModel):
    """TorchServe's configuration keys with TorchServe's defaults, then marserve's own.

    Times are in seconds, sizes in bytes, where nothing else is said; None means not set; paths are absolute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    inference_address: Annotated[Binding, PlainValidator(_binding(80, 443))] = Binding("http", "127.0.0.1", 8080)
    management_address: Annotated[Binding, PlainValidator(_binding(8081, 8444))] = Binding("http", "127.0.0.1", 8081)
    metrics_address: Annotated[Binding, PlainValidator(_binding(8082, 8445))] = Binding("http", "127.0.0.1", 8082)
    grpc_inference_address: str = "127.0.0.1"
    grpc_inference_port: Port = 7070
    grpc_inference_max_connection_age_ms: Whole | None = None
    grpc_inference_max_connection_age_grace_ms: Whole | None = None
    grpc_management_address: str = "127.0.0.1"
    grpc_management_port: Port = 7071
    grpc_management_max_connection_age_ms: Whole | None = None
    grpc_management_max_connection_age_grace_ms: Whole | None = None
    enable_grpc_ssl: Flag = False

    model_store: Path | None = None
    workflow_store: Path | None = None  # None: the model store
    load_models: Annotated[tuple[InitialModel, ...], PlainValidator(values.initial_models)] = ()
    models: Annotated[values.ModelSettings, PlainValidator(values.model_settings)] = {}
    model_snapshot: Annotated[dict[str, Any] | None, PlainValidator(values.model_snapshot)] = None

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
    ts_open_inference_protocol: Annotated[bool, PlainValidator(values.protocol)] = False
    disable_token_authorization: Flag = False
    token_expiration_min: Annotated[float, Field(gt=0)] = 60  # minutes
    allowed_urls: Patterns = ("file://.*|http(s)?://.*",)
    use_env_allowed_urls: Flag = False
    blacklist_env_vars: Pattern | None = None
    enable_envvars_config: Flag = False
    cors_allowed_origin: str | None = None
    cors_allowed_methods: str | None = None
    cors_allowed_headers: str | None = None
    private_key_file: Path | None = None
    certificate_file: Path | None = None
    keystore: Path | None = None
    keystore_pass: str = Field("changeit", repr=False)
    keystore_type: str = "PKCS12"

    metrics_mode: Annotated[Literal["log", "prometheus", "legacy"], Word] = "log"
    metrics_config: Path | None = None  # None: the one that comes with the ts package
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
    log_format: Annotated[Literal["text", "json"], Word] = "text"
    drain_timeout: Annotated[float, Field(ge=0)] = 8
    hung_workers_limit: Positive = 4
    check_memory: Flag = True
    allow_pickles: Flag = True
    management_token: str | None = Field(None, repr=False)
    log_location: Path | None = None  # None: no log files, the console only
    metrics_location: Path | None = None

    # Not keys, but what follows from how this server was started.
    authorization: Authorization = "all"  # which calls need a token
    snapshots: bool = False
    probes: bool = False  # whether /v2/health tells the truth
    grpc_apis: tuple[str, ...] = ()  # what gRPC serves: "inference", "management"
    config_file: str | None = None
    reload: Path | None = None  # an unpacked archive, or a folder of archives, whose changes are followed
    given: Mapping[str, str] = Field({}, repr=False)  # what was configured, as it was written
    warnings: tuple[str, ...] = ()
