import pytest

from app.commands.tritonserver.flags import parser, without_effect


@pytest.mark.parametrize("argv", [["--none"], ["--exit-on-error=maybe"], ["--http-port", "x"], ["--help"]])
def test_a_wrong_flag_ends_with_status_1(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(argv)
    assert ended.value.code == 1
    assert "tritonserver" in "".join(capsys.readouterr())


def test_flags_take_their_value_either_way() -> None:
    for argv in (["--http-port=9", "--allow-grpc=OFF"], ["--http-port", "9", "--allow-grpc", "0"]):
        found = parser().parse_args([*argv, "--model-repository=m"])
        assert (found.http_port, found.allow_grpc, found.grpc_port, found.metrics_port) == (9, False, 8001, 8002)


def test_flags_without_effect_are_named() -> None:
    found = parser().parse_args(["--rate-limit=off", "--host-policy=a,b=c", "--http-thread-count=3"])
    assert without_effect(found) == ["--http-thread-count", "--host-policy", "--rate-limit"]
