"""WebSocket frames from a client's side: RFC 6455's own examples, and what a server may do wrong."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbay.wire import websocket
from podbay.wire.websocket import Messages, WebSocketError, accept_of, binary_frame, close_frame, new_key

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def server_frame(data: bytes, operation: int = BINARY, *, final: bool = True, reserved: int = 0) -> bytes:
    """Return a frame as a server writes it: not masked."""
    first = (0x80 if final else 0) | reserved | operation
    if len(data) < 126:
        return bytes([first, len(data)]) + data
    if len(data) < 1 << 16:
        return bytes([first, 126]) + struct.pack(">H", len(data)) + data
    return bytes([first, 127]) + struct.pack(">Q", len(data)) + data


def unmasked(frame: bytes) -> tuple[int, bytes]:
    """Return the first byte and the content of a client's frame, taken apart byte by byte."""
    assert frame[1] & 0x80, "a client must mask"
    length, start = frame[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4]), 4
    elif length == 127:
        length, start = int.from_bytes(frame[2:10]), 10
    key, content = frame[start : start + 4], frame[start + 4 :]
    assert len(content) == length
    return frame[0], bytes(byte ^ key[i % 4] for i, byte in enumerate(content))


def all_of(*chunks: bytes) -> list[bytes]:
    messages = Messages()
    return [message for chunk in chunks for message in messages.receive(chunk)]


def test_the_answer_to_a_key_is_the_one_of_the_rfc() -> None:
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert len(new_key()) == 24 and new_key() != new_key()


@pytest.mark.parametrize("length", [0, 1, 3, 4, 125, 126, 127, 65535, 65536, 70001])
def test_a_frame_is_masked_and_has_the_length_that_it_says(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert unmasked(binary_frame(data)) == (0x82, data)


def test_a_closing_frame_says_why() -> None:
    assert unmasked(close_frame()) == (0x88, b"\x03\xe8")
    assert unmasked(close_frame(1011)) == (0x88, struct.pack(">H", 1011))


def test_no_two_frames_have_the_same_mask() -> None:
    assert len({binary_frame(b"\0" * 8) for _ in range(50)}) == 50


@given(
    messages=st.lists(st.binary(max_size=70_000), max_size=4),
    cuts=st.lists(st.integers(0, 200_000), max_size=6),
)
def test_messages_come_whole_wherever_the_bytes_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(server_frame, messages))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert all_of(*pieces) == messages


def test_fragments_are_joined_also_around_a_ping() -> None:
    messages = Messages()
    stream = server_frame(b"Hel", TEXT, final=False) + server_frame(b"Hello", PING) + server_frame(b"lo", 0, final=True)
    assert list(messages.receive(stream)) == [b"Hello"]
    assert unmasked(bytes(messages.to_send)) == (0x80 | PONG, b"Hello")


def test_a_pong_that_nobody_asked_for_is_nothing() -> None:
    messages = Messages()
    assert list(messages.receive(server_frame(b"x", PONG))) == [] and not messages.to_send


def test_a_goodbye_is_answered_and_ends_the_messages() -> None:
    messages = Messages()
    stream = server_frame(b"last") + server_frame(struct.pack(">H", 1000) + b"bye", CLOSE) + server_frame(b"more")
    assert list(messages.receive(stream)) == [b"last"]
    assert messages.closed and unmasked(bytes(messages.to_send)) == (0x80 | CLOSE, struct.pack(">H", 1000))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x82\x81\x00\x00\x00\x00x", id="a masked frame"),
        pytest.param(b"\x82\x7f" + struct.pack(">Q", websocket.MOST_MESSAGE_BYTES + 1), id="a frame that is too long"),
        pytest.param(server_frame(b"x", reserved=0x40), id="a reserved bit: no extension was agreed on"),
        pytest.param(server_frame(b"x", 3), id="an operation that does not exist"),
        pytest.param(server_frame(b"x", 0), id="the rest of a message that never began"),
        pytest.param(server_frame(b"x", final=False) + server_frame(b"y"), id="a message in the middle of another"),
        pytest.param(server_frame(b"x", PING, final=False), id="a ping in fragments"),
        pytest.param(server_frame(b"x" * 126, PING), id="a ping that is too long"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_told_so(stream: bytes) -> None:
    with pytest.raises(WebSocketError):
        all_of(stream)


def test_fragments_may_not_add_up_to_more_than_a_message_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_MESSAGE_BYTES", 1000)
    part = b"x" * 600
    with pytest.raises(WebSocketError, match="too long"):
        all_of(server_frame(part, final=False), server_frame(part, 0))
