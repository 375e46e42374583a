"""Registrations: all but the archive is taken from elsewhere unless it is given."""

from model_registry.registration import Registration


def test_a_registration_leaves_everything_but_its_archive_to_the_configuration() -> None:
    registration = Registration("m.mar")
    given = {name for name in Registration.__slots__ if getattr(registration, name) not in (None, "", False)}
    assert given == {"url", "wait", "role"}
