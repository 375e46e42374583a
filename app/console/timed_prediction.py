"""A prediction of the console's page: answered as at /predictions, with the times of its phases in a header."""

from starlette.requests import Request
from starlette.responses import Response

from app.http.request_body import parse_body
from app.http.responses import prediction_response
from app.http.scope import handler_headers, header, keeps_spelling
from app.model_server import ModelServer
from handler.job import Input
from handler.job_times import JobTimes

ADDED_HEADERS = (("explain", "False"), ("url_path", ""))
TIMING_HEADER = b"server-timing"


async def predict_timed(request: Request) -> Response:
    """/console/predictions/{model}: predict, with the phases in the header server-timing."""
    registry, times = ModelServer.of(request.scope).registry, JobTimes()
    parts = parse_body(await request.body(), header(request.scope, b"content-type"))
    headers = handler_headers(request, ADDED_HEADERS)
    given = Input(parts, headers, keeps_spelling(request.scope), times=times)
    model = await registry.find_model(request.path_params["model_name"])
    reply = model.submit(given, request.state.request_id, request.path_params.get("model_version"))
    request.state.reply_headers = reply.headers
    try:
        response = prediction_response(await reply.future)
    finally:
        reply.detach()
    if text := server_timing(times):
        response.raw_headers.append((TIMING_HEADER, text.encode()))
    return response


def server_timing(times: JobTimes) -> str:
    """The phases as the header has them; the size of the batch is its description. A stream has none yet."""
    about = {"batch": f';desc="{times.batch_size}"'}
    return ", ".join(f"{name};dur={value:.3f}{about.get(name, '')}" for name, value in times.durations().items())
