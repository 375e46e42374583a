"""The schemas of the document."""

import json

from app.api.reference.schemas import SCHEMAS


def test_references_lead_to_schemas() -> None:
    for part in json.dumps(SCHEMAS).split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in SCHEMAS
