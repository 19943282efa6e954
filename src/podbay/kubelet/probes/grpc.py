"""What a server says of itself by the gRPC health protocol.

The request and the answer are so small that they are written and read here, without generated classes.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md ; upstream's pkg/probe/grpc.
"""

import asyncio
from typing import Any, Final

from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, StreamTerminatedError

from podbay.kubelet.probes.answer import Answer, unwell, well
from podbay.kubelet.probes.errno_text import errno_text
from podbay.kubelet.probes.targets import joined
from podbay.wire.durations import go_duration

_CHECK: Final = "/grpc.health.v1.Health/Check"
_WORDS: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_NO_HEALTH: Final = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"


class _Bytes(CodecBase):
    """Messages that are bytes already."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """Return what was given."""
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        """Return what came."""
        return data


async def grpc_answer(host: str, port: int, service: str, timeout_s: float) -> Answer:
    """Return whether the server says, in time, that it serves."""
    place, within = joined(host, port), go_duration(timeout_s)
    channel = Channel(host, port, codec=_Bytes())
    is_connected = False
    try:
        async with asyncio.timeout(timeout_s):
            await channel.__connect__()
            is_connected = True
            method: UnaryUnaryMethod[bytes, bytes] = UnaryUnaryMethod(channel, _CHECK, bytes, bytes)
            reply = await method(_request(service))
    except TimeoutError:
        if is_connected:
            return unwell(f"timeout: health rpc did not complete within {within}")
        why = f'timeout: failed to connect service "{place}" within {within}: context deadline exceeded'
        return unwell(why)
    except GRPCError as error:
        if error.status is Status.UNIMPLEMENTED:
            return unwell(f"{_NO_HEALTH}: {error.message or ''}")
        code = "".join(word.capitalize() for word in error.status.name.split("_"))
        text = f"rpc error: code = {code} desc = {error.message or ''}"
        return unwell(f"error: health rpc probe failed: {text}")
    except OSError as error:
        # Upstream's client tries again until the time is over, and tells only that.
        why = f"dial tcp {place}: connect: {errno_text(error)}"
        return unwell(f'timeout: failed to connect service "{place}" within {within}: {why}')
    except StreamTerminatedError as error:
        return unwell(f"error: health rpc probe failed: rpc error: code = Unavailable desc = {error}")
    finally:
        channel.close()
    word = _word(reply)
    return well("service healthy") if word == "SERVING" else unwell(f'service unhealthy (responded with "{word}")')


def _request(service: str) -> bytes:
    name = service.encode()
    length, head = len(name), bytearray(b"\n")
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + name if name else b""


def _word(reply: bytes) -> str:
    number = reply[1] if len(reply) > 1 and reply[0] == 0x08 else 0
    return _WORDS[number] if number < len(_WORDS) else str(number)
