"""HTTP/1.1 as the one-shot client reads it, from a socket that gives what the test says."""

import socket
from collections.abc import Iterator

import pytest

from podbay.client.http1 import Connection, Disconnected, Malformed


class Wire:
    """Both ends of a connection."""

    def __init__(self) -> None:
        self.server, client = socket.socketpair()
        client.settimeout(5)
        self.connection = Connection(client)

    def answers(self, data: bytes, *, ends: bool = False) -> None:
        self.server.sendall(data)
        if ends:
            self.server.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.server.close()
    made.connection.close()


def test_a_request_is_written_with_its_length(wire: Wire) -> None:
    wire.connection.send("POST", "/x", [("Host", "h")], b"body")
    assert wire.server.recv(1000) == b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"


def test_a_body_of_known_length_leaves_the_connection_reusable(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello")
    assert wire.connection.receive("GET") == 200
    assert (wire.connection.read(), wire.connection.reusable) == (b"hello", True)
    assert ("X", "y") in wire.connection.fields


def test_chunks_are_put_together_and_given_one_by_one(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n")
    wire.connection.receive("GET")
    assert [wire.connection.read_some() for _ in range(3)] == [b"abc", b"defg", b""]
    assert wire.connection.reusable


def test_a_body_without_a_length_ends_with_the_connection(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 200 OK\r\n\r\nall of it", ends=True)
    wire.connection.receive("GET")
    assert (wire.connection.read(), wire.connection.reusable) == (b"all of it", False)


def test_an_answer_that_stops_in_the_middle_is_an_error(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ends=True)
    wire.connection.receive("GET")
    with pytest.raises(ConnectionError, match="in the middle"):
        wire.connection.read()


def test_an_interim_answer_is_passed_over(wire: Wire) -> None:
    wire.answers(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    assert wire.connection.receive("PUT") == 204
    assert wire.connection.read() == b""


def test_no_answer_at_all_is_told_apart(wire: Wire) -> None:
    wire.answers(b"", ends=True)
    with pytest.raises(Disconnected):
        wire.connection.receive("GET")


def test_what_is_no_http_is_refused(wire: Wire) -> None:
    wire.answers(b"SSH-2.0-OpenSSH\r\n")
    with pytest.raises(Malformed):
        wire.connection.receive("GET")
