"""SPDY/3.1 frames, as the runtime's streaming server speaks them: the client's side, without I/O.

Takes streams to open and data to send; gives bytes. Takes bytes; gives data and ends, stream by stream. Flow control is
left out, as the other side leaves it out.
Invariant: one compressor per connection, used in the order of the frames.
Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

FLAG_FIN: Final = 1
_CONTROL: Final = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST, _PING, _GOAWAY = 1, 2, 3, 6, 7
_MOST_DATA: Final = (1 << 24) - 1

# The dictionary is part of the protocol: words with their lengths, then header values in one text.
_WORDS: Final = (
    "options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding",
    "accept-language", "accept-ranges", "age", "allow", "authorization", "cache-control", "connection",
    "content-base", "content-encoding", "content-language", "content-length", "content-location", "content-md5",
    "content-range", "content-type", "date", "etag", "expect", "expires", "from", "host", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location",
    "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer", "retry-after",
    "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning",
    "www-authenticate", "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie",
    "keep-alive", "origin",
)  # fmt: skip
_TAIL: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative"
    " Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500"
    " Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec"
    " 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset="
    "iso-8859-1,utf-,*,enq=0."
)
DICTIONARY: Final = b"".join(struct.pack(">I", len(w)) + w.encode() for w in _WORDS) + _TAIL.encode()


@dataclass(frozen=True, slots=True)
class Received:
    """Something that came: data of a stream (``ended``: its last), or a whole connection's end (stream 0)."""

    stream: int
    data: bytes = b""
    ended: bool = False


class SpdyConnection:
    """One connection's state. The client opens odd stream ids."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=15, zdict=DICTIONARY)
        self._next = 1
        self._buffer = bytearray()
        self.to_send = bytearray()

    def open(self, headers: Mapping[str, str]) -> int:
        """Open a stream; return its id. The frame is added to ``to_send``."""
        stream, self._next = self._next, self._next + 2
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.lower(), value):
                encoded = text.encode()
                block += struct.pack(">I", len(encoded)) + encoded
        packed = self._compressor.compress(block) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIBB", stream, 0, 0, 0) + packed
        self._control(_SYN_STREAM, 0, body)
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Add data of a stream to ``to_send``."""
        for start in range(0, max(1, len(data)), _MOST_DATA):
            part = data[start : start + _MOST_DATA]
            last = start + _MOST_DATA >= len(data)
            flags = FLAG_FIN if end and last else 0
            self.to_send += struct.pack(">II", stream, flags << 24 | len(part)) + part

    def receive(self, data: bytes) -> Iterator[Received]:
        """Take bytes; yield what they complete. Pings are answered in ``to_send``."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                return
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            if not first & 0x80000000:
                yield Received(first, body, bool(flags & FLAG_FIN))
                continue
            kind = first & 0xFFFF
            if kind == _PING:
                self._control(_PING, 0, body)
            elif (kind == _RST and len(body) >= 4) or (kind == _SYN_REPLY and flags & FLAG_FIN):
                yield Received(struct.unpack_from(">I", body)[0] & 0x7FFFFFFF, ended=True)
            elif kind == _GOAWAY:
                yield Received(0, ended=True)

    def take(self) -> bytes:
        """Return and forget what is to be sent."""
        data = bytes(self.to_send)
        self.to_send.clear()
        return data

    def _control(self, kind: int, flags: int, body: bytes) -> None:
        self.to_send += struct.pack(">HHI", _CONTROL, kind, flags << 24 | len(body)) + body
