"""The versions that a policy serves."""

import pytest

from model_registry.triton.config.config_forms import config_of_text
from model_registry.triton.config.version_policy import served_versions


@pytest.mark.parametrize(("policy", "served"), [
    ("latest { num_versions: 1 }", [10]),
    ("latest { num_versions: 2 }", [3, 10]),
    ("latest { num_versions: 9 }", [1, 2, 3, 10]),
    ("latest { }", []),
    ("", [10]),
    ("all { }", [1, 2, 3, 10]),
    ("specific { versions: [ 3, 1, 7 ] }", [1, 3]),
])  # fmt: skip
def test_versions_are_chosen_by_number(policy: str, served: list[int]) -> None:
    config = config_of_text(f"version_policy {{ {policy} }}")
    assert served_versions(config.version_policy, [10, 2, 1, 3]) == served
