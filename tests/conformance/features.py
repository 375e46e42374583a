"""TorchServe's features, with the scenarios and tests that show them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of `marserve compat`."""

    name: str
    shown_by: str = ""
    """Patterns of recorded scenarios' names, and of files of tests ("app/grpc/test_*.py"), with spaces between."""
    remark: str = ""
    """The difference on purpose, or the reason that it is not there."""


FEATURES = (
    Feature(
        "predictions: bodies, results, statuses, headers",
        "request_bodies results wrong_results respond routes_inference odd_requests odd_answers odd_invocations",
    ),
    Feature("streamed answers", "stream"),
    Feature("explanations and descriptions by the model", "explain_describe"),
    Feature(
        "errors of handlers",
        "raises worker_dies handler/isolation/process/test_exit_trap.py",
        "a crash of native code ends the server, unless the archive says isolation: process; exits end their worker",
    ),
    Feature(
        "batching",
        "batching batching_config handler/batching/test_batcher.py",
        "a lone request is served at once when it is usually the only one",
    ),
    Feature(
        "limits, timeouts, queues",
        "limits response_timeout client_timeout queue_full model_registry/test_client_timeout.py",
        "a 413 tells its limit in x-marserve-reason; a thread cannot be killed: a worker that hangs is abandoned",
    ),
    Feature(
        "sequence batching",
        "sequences handler/batching/test_sequence_batcher.py handler/batching/test_sequences.py "
        "model_registry/test_sequence_routing.py",
    ),
    Feature("continuous batching", "continuous* handler/workers/test_continuous.py"),
    Feature(
        "handlers of the ts package: PyTorch, TorchScript, ONNX",
        "base_handlers shim/test_*.py",
        "image handlers do not need torchvision; captum is needed for explanations only",
    ),
    Feature("request envelopes", "envelope_* shim/test_envelopes.py"),
    Feature(
        "archives side by side, in their own folders",
        "clashing_modules local_files handler/isolation/modules/test_namespace.py "
        "handler/isolation/process/test_working_directory.py",
        "random seeds, warning filters and flags of torch are the process's",
    ),
    Feature(
        "archives that are not as they should be",
        "broken_models broken_at_start register_odd_archives model_registry/archive/test_unpack.py",
    ),
    Feature(
        "requirements.txt in archives",
        "requirements model_registry/archive/test_packages.py",
        "where one process cannot hold the packages, the workers become processes",
    ),
    Feature(
        "management: register, scale, versions, list",
        "register register_from_web scale versions list_and_describe no_worker api_off api_on_by_config odd_management "
        "odd_registrations",
        "min_worker=-1 is a 400 that says so, not an internal error",
    ),
    Feature("model-config.yaml", "model_config model_registry/test_config.py"),
    Feature(
        "config.properties and TS_ variables",
        "config_from_environment environment* load_* names_at_start app/settings/test_loading.py "
        "handler/isolation/process/test_environ.py",
    ),
    Feature(
        "the torchserve command",
        "cli cli_background app/test_cli.py app/commands/test_torchserve_process.py",
        "--log-config, --cpp-log-config and --plugins-path are accepted and do nothing",
    ),
    Feature("the torch-model-archiver command", "app/commands/test_archive.py model_registry/archive/test_packer.py"),
    Feature("token authorization", "token token_off_by_config odd_tokens"),
    Feature("CORS", "cors"),
    Feature("TLS", "tls* app/http/tls/test_*.py"),
    Feature(
        "metrics: Prometheus, log, legacy",
        "metrics_* handler/metrics/test_server_metrics.py handler/metrics/test_printed_metrics.py",
        "real histograms are added",
    ),
    Feature(
        "log files",
        "logs log_location app/logging/test_files.py",
        "files of log4j are not read; log_format=json is added",
    ),
    Feature("KServe and Open Inference over HTTP", "open_inference* app/api/test_health_open_inference.py"),
    Feature("gRPC: TorchServe's and KServe's services", "grpc* app/grpc/test_*.py"),
    Feature("snapshots", "snapshots* model_registry/test_snapshot.py app/settings/test_last_snapshot.py"),
    Feature("workflows", "workflows* app/api/test_workflows.py model_registry/workflows/test_spec.py"),
    Feature(
        "async handlers: asyncCommunication",
        "asynchronous handler/workers/asynchronous/test_*.py handler/workers/coroutines/test_*.py",
        "a request that fails, leaves or exceeds responseTimeout costs no other; several rows in a batch are answered",
    ),
    Feature(
        "models over several processes: torchrun",
        "handler/workers/process/test_group_service.py",
        "the handlers for DeepSpeed, PiPPy and TensorRT-LLM are not here",
    ),
    Feature("vLLM by name, ts.llm_launcher", "shim/test_generative.py", "vLLM itself is to be installed"),
    Feature("Java plugins, the C++ backend", remark="there is no Java and no C++ backend"),
)
