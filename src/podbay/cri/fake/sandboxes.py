"""The sandboxes of the pretended runtime, and their addresses.

Takes configurations; gives sandboxes, and tells over the connection that one has ended.
Invariant: no two sandboxes have the same names, nor the same address.
"""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import replace

from podbay.cri.fake.connection import Connection
from podbay.cri.fake.metadata import has, new_id, now_ns
from podbay.cri.runtime import RuntimeEvent, RuntimeFailure, RuntimeHandler, Sandbox, SandboxConfig
from podbay.lib.clock import Clock


class Sandboxes:
    """See the module. ``configs`` are by id, also of those that are gone."""

    def __init__(self, clock: Clock, connection: Connection, pod_cidr: str) -> None:
        self._clock = clock
        self._connection = connection
        self._addresses = ipaddress.ip_network(pod_cidr)
        self._sandboxes: dict[str, Sandbox] = {}
        self.configs: dict[str, SandboxConfig] = {}

    def make(self, config: SandboxConfig, handlers: Collection[RuntimeHandler]) -> str:
        """Make a sandbox with an address of its own; return its id. Raises RuntimeFailure."""
        for other in self._sandboxes.values():
            if (other.uid, other.name, other.attempt) == (config.uid, config.name, config.attempt):
                name = f"{config.name}_{config.namespace}_{config.uid}_{config.attempt}"
                raise RuntimeFailure(
                    "UNKNOWN",
                    f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{other.id}"',
                )
        if config.handler not in {"", "runc", *(handler.name for handler in handlers)}:
            raise RuntimeFailure(
                "UNKNOWN", f'failed to get sandbox runtime: no runtime for "{config.handler}" is configured'
            )
        key = new_id()
        self._sandboxes[key] = Sandbox(
            id=key,
            name=config.name,
            namespace=config.namespace,
            uid=config.uid,
            attempt=config.attempt,
            ready=True,
            created_at=now_ns(self._clock),
            labels=dict(config.labels),
            annotations=dict(config.annotations),
            ips=() if config.host_network else (self._free_address(),),
            handler=config.handler,
        )
        self.configs[key] = config
        return key

    def find(self, sandbox_id: str) -> Sandbox | None:
        """Return a sandbox, or None."""
        return self._sandboxes.get(sandbox_id)

    def status(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox with its addresses. Raises RuntimeFailure."""
        if sandbox_id not in self._sandboxes:
            raise RuntimeFailure("NOT_FOUND", f'an error occurred when try to find sandbox "{sandbox_id}": not found')
        return self._sandboxes[sandbox_id]

    def listed(self, labels: Mapping[str, str] | None) -> list[Sandbox]:
        """Return the sandboxes that have these labels, without addresses, as a list has them."""
        return [replace(s, ips=()) for s in self._sandboxes.values() if has(s.labels, labels)]

    def stop(self, sandbox_id: str) -> None:
        """Stop a sandbox if it is there, and free its address."""
        if sandbox_id not in self._sandboxes:
            return
        if self._sandboxes[sandbox_id].ready:
            self.end(sandbox_id)
        self._sandboxes[sandbox_id] = replace(self._sandboxes[sandbox_id], ips=())

    def end(self, sandbox_id: str) -> None:
        """End a sandbox's own process, and tell it; the address stays taken until the sandbox is stopped."""
        self._sandboxes[sandbox_id] = replace(self._sandboxes[sandbox_id], ready=False)
        self._connection.tell(RuntimeEvent(kind="exit", id=sandbox_id, exit_code=137, at=now_ns(self._clock)))

    def end_all_unheard(self) -> None:
        """End all sandboxes without a word."""
        self._sandboxes = {key: replace(s, ready=False, ips=()) for key, s in self._sandboxes.items()}

    def remove(self, sandbox_id: str) -> None:
        """Remove a sandbox if it is there, stopping it."""
        self.stop(sandbox_id)
        self._sandboxes.pop(sandbox_id, None)

    def _free_address(self) -> str:
        taken = {ip for sandbox in self._sandboxes.values() for ip in sandbox.ips}
        for host in list(self._addresses.hosts())[1:]:
            if str(host) not in taken:
                return str(host)
        raise RuntimeFailure("UNKNOWN", f"no IP addresses available in range set: {self._addresses}")
