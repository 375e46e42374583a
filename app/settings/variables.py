"""The environment variables that stand for configuration keys."""

from app.settings.model import KEYS

OUR_VARIABLES = {
    "LOG_LOCATION": "log_location",
    "METRICS_LOCATION": "metrics_location",
    "MARSERVE_ADAPTIVE_BATCHING": "adaptive_batching",
    "MARSERVE_ALLOW_PICKLES": "allow_pickles",
    "MARSERVE_CHECK_MEMORY": "check_memory",
    "MARSERVE_DRAIN_TIMEOUT": "drain_timeout",
    "MARSERVE_HUNG_WORKERS_LIMIT": "hung_workers_limit",
    "MARSERVE_KEEP_SERIALIZED_FILES": "keep_serialized_files",
    "MARSERVE_LOG_FORMAT": "log_format",
    "MARSERVE_LOOP_PACING": "loop_pacing",
    "MARSERVE_MANAGEMENT_TOKEN": "management_token",
    "MARSERVE_METRICS": "marserve_metrics",
    "MARSERVE_THREAD_TUNING": "thread_tuning",
}
TS_VARIABLES = {
    key.upper() if key.startswith("ts_") else f"TS_{key.upper()}": key for key in KEYS - set(OUR_VARIABLES.values())
} | {"TS_TOKEN_EXPIRATION_TIME_MIN": "token_expiration_min"}
ALWAYS_READ = {"TS_OPEN_INFERENCE_PROTOCOL": "ts_open_inference_protocol"}
"""The TS_* variables that TorchServe reads without enable_envvars_config as well."""
