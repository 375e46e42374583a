"""The names of environment variables."""

from app.settings.model import KEYS
from app.settings.variables import ALWAYS_READ, OUR_VARIABLES, TS_VARIABLES


def test_every_key_has_its_variable() -> None:
    assert set(TS_VARIABLES.values()) | set(OUR_VARIABLES.values()) == KEYS
    assert TS_VARIABLES["TS_MODEL_STORE"] == "model_store"
    assert TS_VARIABLES["TS_OPEN_INFERENCE_PROTOCOL"] == "ts_open_inference_protocol"
    assert TS_VARIABLES["TS_HEADER_KEY_SEQUENCE_ID"] == "ts_header_key_sequence_id"
    assert TS_VARIABLES["TS_TOKEN_EXPIRATION_TIME_MIN"] == "token_expiration_min"
    assert ALWAYS_READ.items() <= TS_VARIABLES.items()
