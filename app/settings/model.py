"""Settings: everything that can be configured, as one frozen pydantic-settings model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.settings import types
from app.settings.triton import TritonSettings
from app.settings.types import Boolean, ListenAddress, NonNegativeInteger, Port, PositiveInteger, Unchecked

INFERENCE, MANAGEMENT, METRICS = (ListenAddress("http", "127.0.0.1", port) for port in (8080, 8081, 8082))
KSERVE = ListenAddress("http", "0.0.0.0", 8080)  # noqa: S104 # where KServe sends requests and probes
Authorization = Literal["all", "management", "off"]


class Settings(BaseSettings):
    """TorchServe's configuration keys with TorchServe's defaults, then marserve's own.

    Times are in seconds and sizes in bytes unless noted; None means not set; paths are absolute. Each value may be
    given as its text. Raises pydantic's ValidationError for a wrong value and for an unknown key.
    """

    model_config = SettingsConfigDict(frozen=True, validate_default=False)

    inference_address: types.InferenceAddress = INFERENCE
    management_address: types.ManagementAddress = MANAGEMENT
    metrics_address: types.MetricsAddress = METRICS
    grpc_inference_address: str = "127.0.0.1"
    grpc_inference_port: Port = 7070
    grpc_inference_max_connection_age_ms: NonNegativeInteger | None = None
    grpc_inference_max_connection_age_grace_ms: NonNegativeInteger | None = None
    grpc_management_address: str = "127.0.0.1"
    grpc_management_port: Port = 7071
    grpc_management_max_connection_age_ms: NonNegativeInteger | None = None
    grpc_management_max_connection_age_grace_ms: NonNegativeInteger | None = None
    enable_grpc_ssl: Boolean = False

    model_store: Path | None = None
    workflow_store: Path | None = None  # None: the model store
    load_models: types.InitialModels = ()
    models: types.Models = Field(default_factory=dict)
    model_snapshot: types.ModelSnapshot | None = None

    default_workers_per_model: NonNegativeInteger = 0  # 0: one per GPU, else one per CPU core
    job_queue_size: PositiveInteger = 100
    default_response_timeout: NonNegativeInteger = 120
    default_startup_timeout: NonNegativeInteger = 120
    max_request_size: types.ByteCount = 6553500
    max_response_size: types.ByteCount = 6553500
    limit_max_image_pixels: Boolean = True
    decode_input_request: Boolean = True
    service_envelope: str | None = None
    default_service_handler: str | None = None
    install_py_dep_per_model: Boolean = False
    number_of_gpu: NonNegativeInteger | None = None
    initial_worker_port: NonNegativeInteger = 9000  # the number of the first worker
    ts_header_key_sequence_id: str = "ts_request_sequence_id"
    ts_header_key_sequence_start: str = "ts_request_sequence_start"
    ts_header_key_sequence_end: str = "ts_request_sequence_end"

    enable_model_api: Boolean = False
    ts_open_inference_protocol: types.ProtocolSwitch = False
    disable_token_authorization: Boolean = False
    token_expiration_min: types.PositiveFloat = 60  # minutes
    allowed_urls: types.Patterns = ("file://.*|http(s)?://.*",)
    use_env_allowed_urls: Boolean = False
    blacklist_env_vars: types.Pattern | None = None
    enable_envvars_config: Boolean = False
    cors_allowed_origin: str | None = None
    cors_allowed_methods: str | None = None
    cors_allowed_headers: str | None = None
    private_key_file: Path | None = None
    certificate_file: Path | None = None
    keystore: Path | None = None
    keystore_pass: str = Field(default="changeit", repr=False)

    metrics_mode: types.MetricsMode = "log"
    metrics_config: Path | None = None  # None: the one that comes with the ts package
    enable_metrics_api: Boolean = True
    model_metrics_auto_detect: Boolean = False
    disable_system_metrics: Boolean = False
    metric_time_interval: PositiveInteger = 60
    debug: Boolean = False
    ipex_enable: Boolean = False
    ipex_gpu_enable: Boolean = False

    # Read and checked as TorchServe does, but without effect here: see key_warnings.
    keystore_type: str = "PKCS12"
    unregister_model_timeout: NonNegativeInteger = 120
    system_metrics_cmd: str | None = None
    async_logging: Boolean = False
    prefer_direct_buffer: Boolean = False
    number_of_netty_threads: NonNegativeInteger = 0
    netty_client_threads: NonNegativeInteger = 0
    initial_distribution_port: NonNegativeInteger = 29500
    cpu_launcher_enable: Boolean = False
    cpu_launcher_args: str | None = None
    use_native_io: Boolean = True
    io_ratio: NonNegativeInteger = 50
    vmargs: str | None = None
    plugins_path: str | None = None
    cpp_log_config: str | None = None

    # marserve's own.
    kserve_address: types.InferenceAddress = KSERVE
    grpc_kserve_address: str = "0.0.0.0"  # noqa: S104
    grpc_kserve_port: Port = 8081
    batch_size: PositiveInteger = 1
    max_batch_delay: NonNegativeInteger | None = None  # milliseconds; None: TorchServe's 100
    marserve_metrics: Boolean = False
    log_format: types.LogFormat = "text"
    log_levels: types.LogLevels = Field(default_factory=dict)  # by logger: "marserve.http=debug,ACCESS_LOG=off"
    drain_timeout: types.NonNegativeFloat = 8
    hung_workers_limit: PositiveInteger = 4
    watchdog_timeout: types.NonNegativeFloat = 60  # 0: the event loop is not watched
    check_memory: Boolean = True
    keep_serialized_files: Boolean = True  # false: an unpacked one is there only while workers load
    allow_pickles: Boolean = True
    client_header_timeout: types.PositiveFloat = 60
    client_body_timeout: types.PositiveFloat = 60
    send_timeout: types.PositiveFloat = 60
    keep_alive_on_503: Boolean = False  # TorchServe closes the connection
    keepalive_timeout: types.PositiveFloat = 620  # longer than any common proxy keeps an idle connection
    tls_handshake_timeout: types.PositiveFloat = 60
    min_transfer_rate: PositiveInteger = 1024  # bytes a second
    max_connections: PositiveInteger = 8192
    max_connections_per_peer: NonNegativeInteger = 0  # 0: half of max_connections
    max_grpc_calls: PositiveInteger = 4096
    max_receiving_bytes: types.PositiveByteCount = 1 << 30
    max_unsent_bytes: types.PositiveByteCount = 256 << 20
    max_archive_size: types.PositiveByteCount = 64 << 30
    max_downloads: PositiveInteger = 32
    state: str | None = None  # the document of the models that replicas share: an address in object storage, or a path
    state_interval: types.PositiveFloat = 5  # seconds between two looks at it
    model_cache: Path | None = None  # archives from object storage; None: a folder of the user's cache
    download_timeout: types.PositiveFloat = 3600
    download_idle_timeout: types.PositiveFloat = 60
    max_snapshots: PositiveInteger = 100
    allowed_hosts: types.Patterns = ()  # host names under which a browser may manage a server without a token
    adaptive_batching: Boolean = True
    thread_tuning: Boolean = True
    loop_pacing: Boolean = True
    lock_detection: Boolean = True
    management_token: str | None = Field(default=None, repr=False)
    log_location: Path | None = None  # None: no log files, the console only
    metrics_location: Path | None = None

    # Not keys, but consequences of how this server was started: see DERIVED.
    authorization: Annotated[Authorization, Unchecked] = "all"  # the calls that need a token
    snapshots: bool = False
    one_port: bool = False  # a server of our own: its health is true, and no route hides another
    grpc_apis: tuple[str, ...] = ()  # the APIs that gRPC serves: "inference", "management", "kserve"
    kserve_protocol: str | None = None  # "v1", "v2" or "grpc-v2" where this server is a runtime of KServe
    sagemaker: str | None = None  # "single-model" or "multi-model" where this server is a container of SageMaker's
    config_file: str | None = None
    remote_store: str | None = None  # the address of a model store in object storage
    reload: Path | None = None  # an unpacked archive, or a folder of archives, whose changes are followed
    # By name: archives outside of the store. By key: everything configured, as it was written, and its place.
    given_archives: Annotated[Mapping[str, Path], Unchecked] = Field(default_factory=dict, repr=False)
    given: Annotated[Mapping[str, str], Unchecked] = Field(default_factory=dict, repr=False)
    places: Annotated[Mapping[str, str], Unchecked] = Field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    triton: Annotated[TritonSettings | None, Unchecked] = None  # model repositories, and how they are served

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments only: the sources of a server's settings, and their order, are in app.settings.loading."""
        return (init_settings,)

    @classmethod
    def from_sources(cls, *sources: PydanticBaseSettingsSource) -> Self:
        """The settings that the sources give; the first that has a key wins."""
        return cls(_build_sources=(sources, {}))  # type: ignore[call-arg]

    def replace(self, **changes: Any) -> Self:
        """The same settings with some changed; the values are taken as they are."""
        return self.model_copy(update=changes)


DERIVED = {
    "authorization",
    "snapshots",
    "one_port",
    "grpc_apis",
    "kserve_protocol",
    "sagemaker",
    "config_file",
    "reload",
    "remote_store",
    "given",
    "places",
    "given_archives",
    "warnings",
    "triton",
}
KEYS = frozenset(Settings.model_fields) - DERIVED
PATH_KEYS = frozenset(key for key in KEYS if Settings.model_fields[key].annotation in (Path, Path | None))
