"""Whether somebody listens: a TCP connection that is made and closed.

Source: upstream's pkg/probe/tcp.
"""

import asyncio

from podbay.kubelet.probes.answer import Answer, unwell, well
from podbay.kubelet.probes.errno_text import errno_text
from podbay.kubelet.probes.targets import joined


async def tcp_answer(host: str, port: int, timeout_s: float) -> Answer:
    """Return whether a connection was made in time."""
    place = joined(host, port)
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return unwell(f"dial tcp {place}: i/o timeout")
    except OSError as error:
        return unwell(f"dial tcp {place}: connect: {errno_text(error)}")
    writer.close()
    return well()
