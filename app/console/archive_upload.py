"""The upload of an archive to the model store, in pieces that each keep to max_request_size."""

import re

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from app.api.parameters import query
from app.errors import BadRequest, ModelApiDisabled
from app.http.responses import status_response
from app.http.scope import header
from app.model_server import ModelServer

CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


async def upload_archive(request: Request) -> Response:
    """PUT /console/archives/{file}: store an archive; the header content-range says which piece of it the body is."""
    server, body = ModelServer.of(request.scope), await request.body()
    if not server.settings.enable_model_api:
        raise ModelApiDisabled
    start, total = parse_range(header(request.scope, b"content-range"), len(body))
    name, replace = request.path_params["file"], query(request).get("replace", "").lower() == "true"
    uploads = server.store.uploads
    is_complete = await to_thread.run_sync(lambda: uploads.receive(name, body, start, total, replace=replace))
    if is_complete:
        return status_response(f"{name} is in the model store, {total} bytes")
    return status_response(f"{start + len(body)} of {total} bytes of {name} are received", 202)


def parse_range(content_range: str, length: int) -> tuple[int, int]:
    """The first byte and the size of the whole, of which a body of this length is a piece; raises BadRequest."""
    if not content_range:
        return 0, length
    match = CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None or int(match[2]) - int(match[1]) + 1 != length:
        raise BadRequest(
            f"content-range: {content_range[:80]!a} with a body of {length} bytes; it is to be like bytes 0-99/1000"
        )
    return int(match[1]), int(match[3])
