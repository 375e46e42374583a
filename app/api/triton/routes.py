"""The routes of Triton's protocol, in the order in which it looks for them."""

from app.api import open_inference as archives
from app.api.triton import generation, inference, live_routes, metadata, repositories, statistics
from app.api.triton.routing import MODEL, TritonRoute

REPOSITORY = r"/v2/repository(?:/(?P<repository>(?!index$|models/)[^/]+))?"
SHARED_MEMORY = r"/v2/(?P<kind>system|cuda)sharedmemory(?:/region/(?P<region>[^/]+))?"

health_routes = [
    TritonRoute("/v2/health/live", "GET", metadata.live, "health", is_json=False),
    TritonRoute("/v2/health/ready", "GET", metadata.ready, "health", is_json=False),
]
"""For a server that has no health of its own."""
routes = [
    TritonRoute(f"{MODEL}/ready", "GET", metadata.model_ready, "health", is_json=False, archive=archives.model_ready),
    TritonRoute("/v2", "GET", metadata.server_metadata, "metadata"),
    TritonRoute("/v2/models/stats", "GET", statistics.all_statistics, "statistics"),
    TritonRoute(f"{MODEL}/stats", "GET", statistics.statistics, "statistics", archive=archives.model_statistics),
    TritonRoute(MODEL, "GET", metadata.model_metadata, "metadata", archive=archives.model_metadata),
    TritonRoute(f"{MODEL}/config", "GET", metadata.model_config, "model-config", archive=archives.model_config),
    TritonRoute(f"{MODEL}/infer", "POST", inference.infer, "inference", is_json=False, archive=archives.infer),
    TritonRoute(f"{MODEL}/generate", "POST", generation.generate, "inference", archive=archives.generate),
    TritonRoute(
        f"{MODEL}/generate_stream",
        "POST",
        generation.generate_stream,
        "inference",
        archive=archives.generate_stream,
    ),
    TritonRoute("/v2/logging", "GET POST", live_routes.logging, "logging"),
    TritonRoute(r"/v2(?:/models/(?P<model>[^/]+))?/trace/setting", "GET POST", live_routes.tracing, "trace"),
    TritonRoute(f"{REPOSITORY}/index", "POST", repositories.index, "model-repository"),
    TritonRoute(rf"{REPOSITORY}/models/(?P<model>[^/]+)/load", "POST", repositories.load, "model-repository"),
    TritonRoute(rf"{REPOSITORY}/models/(?P<model>[^/]+)/unload", "POST", repositories.unload, "model-repository"),
    TritonRoute(rf"{SHARED_MEMORY}/status", "GET", live_routes.region_status, "shared-memory"),
    TritonRoute(rf"{SHARED_MEMORY}/register", "POST", live_routes.register_region, "shared-memory"),
    TritonRoute(rf"{SHARED_MEMORY}/unregister", "POST", live_routes.unregister_region, "shared-memory"),
]
