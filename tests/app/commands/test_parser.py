"""Errors of marserve's own commands."""

import pytest

from app.cli import main


@pytest.mark.parametrize(("words", "hint"), [
    (["srve"], "; is serve meant?"),
    (["serve", "--modl-store", "x"], "unrecognized arguments: --modl-store; is --model-store meant?"),
    (["tune", "--reqest=x", "m.mar"], "unrecognized arguments: --reqest=x; is --request meant?"),
    (["serve", "--log-format", "jsn"], "; is json meant?"),
    (["serve", "--qqqq"], "unrecognized arguments: --qqqq"),
    (["serve", "--port"], "argument --port: expected one argument"),
])  # fmt: skip
def test_an_option_that_is_not_there_is_told_from_those_that_are(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{hint}\n")
