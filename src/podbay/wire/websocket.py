"""WebSocket frames, the client's side, without I/O: what exec, attach and port-forward travel in.

Takes messages to send; gives masked frames. Takes bytes; gives whole messages, and answers to pings.
Invariant: fragments are joined before they are given; a message is never larger than ``MOST_MESSAGE_BYTES``.
Source: RFC 6455.
"""

import base64
import hashlib
import os
import struct
from collections.abc import Iterator
from typing import Final

MOST_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_MOST_CONTROL_BYTES: Final = 125
_CONTROL: Final = (_CLOSE, _PING, _PONG)
_OPERATIONS: Final = (_CONTINUATION, _TEXT, _BINARY, *_CONTROL)
_MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketError(Exception):
    """The other side broke the protocol."""


def new_key() -> str:
    """Return a fresh ``Sec-WebSocket-Key``."""
    return base64.b64encode(os.urandom(16)).decode()


def accept_of(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that a key must be answered with."""
    return base64.b64encode(hashlib.sha1((key + _MAGIC).encode(), usedforsecurity=False).digest()).decode()


def binary_frame(data: bytes) -> bytes:
    """Return a binary message as one masked frame."""
    return _frame(_BINARY, data)


def close_frame(code: int = 1000) -> bytes:
    """Return a closing frame."""
    return _frame(_CLOSE, struct.pack(">H", code))


class Messages:
    """Bytes in, messages out. ``closed`` is set when the other side has said goodbye."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._message = bytearray()
        self._begun = False
        self.to_send = bytearray()
        self.closed = False

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; yield the messages that they complete. Pings are answered in ``to_send``.

        Raises WebSocketError.
        """
        self._buffer += data
        while not self.closed:
            frame = self._next_frame()
            if frame is None:
                return
            first, payload = frame
            operation = first & 0x0F
            if operation == _PING:
                self.to_send += _frame(_PONG, payload)
            elif operation == _CLOSE:
                self.closed = True
                self.to_send += _frame(_CLOSE, payload[:2])
            elif operation != _PONG:
                self._join(operation, payload)
                if first & _FINAL:
                    message = bytes(self._message)
                    self._message.clear()
                    self._begun = False
                    yield message

    def _join(self, operation: int, payload: bytes) -> None:
        """Add one frame of a message to what came before it."""
        if (operation == _CONTINUATION) != self._begun:
            raise WebSocketError("a message began in the middle of another, or went on without a beginning")
        self._begun = True
        self._message += payload
        if len(self._message) > MOST_MESSAGE_BYTES:
            raise WebSocketError("the message is too long")

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, length, start = buffer[0], buffer[1] & 0x7F, 2
        if buffer[1] & _MASKED:
            raise WebSocketError("a server's frames are not masked")
        if first & _RESERVED or first & 0x0F not in _OPERATIONS:
            raise WebSocketError(f"a frame that means nothing to us: {first:#04x}")
        if first & 0x0F in _CONTROL and (length > _MOST_CONTROL_BYTES or not first & _FINAL):
            raise WebSocketError("a control frame is short and whole")
        if length >= 126:
            form = ">H" if length == 126 else ">Q"
            start += struct.calcsize(form)
            if len(buffer) < start:
                return None
            (length,) = struct.unpack_from(form, buffer, 2)
        if length > MOST_MESSAGE_BYTES:
            raise WebSocketError("the frame is too long")
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        del buffer[: start + length]
        return first, payload


def _frame(operation: int, data: bytes) -> bytes:
    length = len(data)
    if length < 126:
        head = struct.pack(">BB", _FINAL | operation, _MASKED | length)
    elif length < 1 << 16:
        head = struct.pack(">BBH", _FINAL | operation, _MASKED | 126, length)
    else:
        head = struct.pack(">BBQ", _FINAL | operation, _MASKED | 127, length)
    key = os.urandom(4)
    # One exclusive-or of two long numbers is a hundred times quicker than one per byte.
    mask = int.from_bytes((key * (length // 4 + 1))[:length], "little")
    return head + key + (int.from_bytes(data, "little") ^ mask).to_bytes(length, "little")
