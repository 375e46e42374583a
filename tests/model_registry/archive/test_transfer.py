"""Web requests that end with their time, or when another thread aborts them."""

import socket

import pytest

from model_registry.archive.transfer import Transfer


def test_an_aborted_transfer_connects_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Transfer(30) as transfer:
        transfer.abort(ConnectionAbortedError("the server stops"))
        with pytest.raises(OSError, match="the server stops"):
            transfer.open(f"http://127.0.0.1:{server.getsockname()[1]}/", 30)


def test_the_first_reason_counts() -> None:
    with Transfer(30) as transfer:
        transfer.check()
        transfer.abort(TimeoutError("first"))
        transfer.abort(ConnectionAbortedError("second"))
        with pytest.raises(TimeoutError, match="first"):
            transfer.check()
