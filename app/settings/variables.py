"""The environment variables that stand for configuration keys."""

from app.settings.model import KEYS

_OUR_KEYS = (
    "adaptive_batching", "allow_pickles", "allowed_hosts", "check_memory", "client_body_timeout",
    "client_header_timeout", "download_idle_timeout", "download_timeout", "drain_timeout", "grpc_kserve_address",
    "grpc_kserve_port", "hung_workers_limit", "keep_alive_on_503", "keep_serialized_files", "keepalive_timeout",
    "kserve_address", "lock_detection", "log_format", "log_levels", "loop_pacing", "management_token",
    "max_archive_size", "max_connections", "max_connections_per_peer", "max_downloads", "max_grpc_calls",
    "max_receiving_bytes", "max_snapshots", "max_unsent_bytes", "min_transfer_rate", "model_cache", "send_timeout",
    "state", "state_interval", "thread_tuning", "tls_handshake_timeout", "watchdog_timeout",
)  # fmt: skip
OUR_VARIABLES = {f"MARSERVE_{key.upper()}": key for key in _OUR_KEYS} | {
    "LOG_LOCATION": "log_location",
    "METRICS_LOCATION": "metrics_location",
    "MARSERVE_METRICS": "marserve_metrics",
}
TS_VARIABLES = {
    key.upper() if key.startswith("ts_") else f"TS_{key.upper()}": key for key in KEYS - set(OUR_VARIABLES.values())
} | {"TS_TOKEN_EXPIRATION_TIME_MIN": "token_expiration_min"}
ALWAYS_READ = {"TS_OPEN_INFERENCE_PROTOCOL": "ts_open_inference_protocol"}
"""The TS_* variables that TorchServe reads without enable_envvars_config as well."""
