"""From a body and its content type to named parts: JSON, text, bytes, forms and files, as TorchServe names them."""

from app.http.netty_forms import boundary_of, fields, multipart
from handler.job import Part

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def parse_body(body: bytes | bytearray, content_type: str) -> tuple[Part, ...]:
    """The parts of a body. Anything but a form is one part named "body" with the MIME type it was sent with.

    Raises BadForm.
    """
    mime = content_type.partition(";")[0]
    if mime.lower() == FORM:
        return fields(bytes(body))
    if mime.rstrip() == MULTIPART and (boundary := boundary_of(content_type)):
        return multipart(bytes(body), boundary)
    return (Part("body", mime, body),)
