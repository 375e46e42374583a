"""The output of a process."""

from tests.support.process_service import Make


def test_everything_printed_is_logged_before_the_answer(make: Make) -> None:
    source = """
        import logging, os, subprocess, sys
        def handle(data, context):
            if data:
                print("printed")
                logging.getLogger("any").info("logged")
                logging.getLogger("any").debug("not logged")
                sys.stdout.flush(), os.write(1, "by native code: \\u00e4\\r\\n".encode())
                subprocess.run(["echo", "by a program"])
                print("one\\rtwo\\nunfinished", end="")
                return ["x"]
    """
    remote = make(source)
    remote.ask("x")
    assert [line for stream, line in remote.lines if stream == "stdout"] == [
        "printed", "logged", "by native code: ä", "by a program", "one", "two",
    ]  # fmt: skip
    remote.service.close()
    assert remote.lines[-1] == ("stdout", "unfinished")


def test_a_line_that_never_ends_is_cut_into_several(make: Make) -> None:
    source = """
        import os
        def handle(data, context):
            for _ in range(50 if data else 0):
                os.write(1, b"." * 100_000)
            return data and ["x"]
    """
    remote = make(source)
    remote.ask("x")
    remote.service.close()
    assert "".join(line for _, line in remote.lines) == "." * 5_000_000
    assert max(len(line) for _, line in remote.lines) < 200_000
