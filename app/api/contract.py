"""The contract of a route: what the OpenAPI 3.1 document says beyond path, methods and docstring."""

from typing import Any, NamedTuple

Parameter = dict[str, Any]
"""An OpenAPI parameter object."""


class Contract(NamedTuple):
    """The query, body and answer of a route.

    `answer` and `body` name schemas of `app.api.reference.schemas`; "" stands for bytes of any type. Of a route that
    takes any method, GET or, with a body, POST is documented. An alias is another spelling of a route before it.
    """

    answer: str = "Status"
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    statuses: tuple[int, ...] = (200,)
    media_type: str = "application/json"
    is_alias: bool = False


STATUS = Contract()
ALIAS = Contract(is_alias=True)
