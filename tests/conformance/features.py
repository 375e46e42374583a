"""TorchServe's features, and which scenarios and tests show that they are here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of `marserve compat`."""

    name: str
    shown_by: str = ""
    """Patterns of recorded scenarios' names, and of files of tests ("test_grpc_*.py"), with blanks between."""
    remark: str = ""
    """How it differs on purpose, or why it is not there."""


FEATURES = (
    Feature(
        "predictions: bodies, results, statuses, headers",
        "request_bodies results wrong_results respond routes_inference odd_requests odd_answers odd_invocations",
    ),
    Feature("streamed answers", "stream"),
    Feature("explanations and descriptions by the model", "explain_describe"),
    Feature(
        "errors of handlers",
        "raises worker_dies test_exits.py",
        "a crash of native code ends the server, unless the archive says isolation: process; exits end their worker",
    ),
    Feature(
        "batching",
        "batching batching_config test_batcher.py",
        "a lone request is served at once when nobody else is usually there",
    ),
    Feature(
        "limits, timeouts, queues",
        "limits response_timeout client_timeout queue_full test_client_timeout.py",
        "a 413 tells its limit in x-marserve-reason; nobody can kill a thread: a worker that hangs is abandoned",
    ),
    Feature("sequence batching", "sequences test_sequence*.py test_sequencing.py"),
    Feature("continuous batching", "continuous* test_continuous.py"),
    Feature(
        "handlers of the ts package: PyTorch, TorchScript, ONNX",
        "base_handlers test_shim_*.py",
        "image handlers do not need torchvision; captum is needed for explanations only",
    ),
    Feature("request envelopes", "envelope_* test_shim_envelopes.py"),
    Feature(
        "archives side by side, in their own folders",
        "clashing_modules local_files test_namespace.py test_folder.py",
        "random seeds, flags of torch and variables that handlers write to os.environ are the process's",
    ),
    Feature(
        "archives that are not as they should be",
        "broken_models broken_at_start register_odd_archives test_unpack.py",
    ),
    Feature("requirements.txt in archives", "requirements test_packages.py", "numpy and torch are the server's own"),
    Feature(
        "management: register, scale, versions, list",
        "register register_from_web scale versions list_and_describe no_worker api_off api_on_by_config odd_management "
        "odd_registrations",
        "min_worker=-1 is a 400 that says so, not an internal error",
    ),
    Feature("model-config.yaml", "model_config test_config.py"),
    Feature(
        "config.properties and TS_ variables",
        "config_from_environment environment* load_* names_at_start test_precedence.py test_environment.py",
    ),
    Feature(
        "the torchserve command",
        "cli cli_background test_cli.py test_launch.py",
        "--log-config, --cpp-log-config and --plugins-path are accepted and do nothing",
    ),
    Feature("the torch-model-archiver command", "test_archiver.py test_packer.py"),
    Feature("token authorization", "token token_off_by_config odd_tokens"),
    Feature("CORS", "cors"),
    Feature("TLS", "tls* test_tls*.py test_certificates.py"),
    Feature(
        "metrics: Prometheus, log, legacy",
        "metrics_* test_metrics.py test_metric_lines.py",
        "real histograms are added",
    ),
    Feature(
        "log files",
        "logs log_location test_logs.py",
        "files of log4j are not read; log_format=json is added",
    ),
    Feature("KServe and Open Inference over HTTP", "open_inference* test_open_inference.py"),
    Feature("gRPC: TorchServe's and KServe's services", "grpc* test_grpc_*.py"),
    Feature("snapshots", "snapshots* test_snapshots.py test_resume.py"),
    Feature("workflows", "workflows* test_workflow*.py"),
    Feature(
        "models over several processes: torchrun, DeepSpeed, vLLM, TensorRT-LLM",
        remark="there is one process; such models want a server of their own",
    ),
    Feature("Java plugins, the C++ backend", remark="there is no Java and no C++ backend"),
)
