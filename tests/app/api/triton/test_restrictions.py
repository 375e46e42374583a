from app.api.triton.restrictions import check_restriction

RESTRICTIONS = {"inference": ("Admin-Key", "secret")}


def test_an_api_without_restriction_is_open() -> None:
    assert check_restriction(RESTRICTIONS, "health", {}.get) is None


def test_the_header_has_to_be_there_and_right() -> None:
    assert check_restriction(RESTRICTIONS, "inference", {"admin-key": "secret"}.get) is None
    for headers in ({}, {"admin-key": "other"}):
        refusal = check_restriction(RESTRICTIONS, "inference", headers.get)
        assert refusal is not None
        assert (refusal.status, b"expecting header 'Admin-Key'" in refusal.body) == (403, True)
