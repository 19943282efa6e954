"""Asks a container how it is, by whatever its probe says: a command, a request, a connection, a health call.

Takes a probe, its container and where that is; gives an Answer. On a node that only pretends nothing listens, so every
call over the network is answered well.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#probe-check-methods ; upstream's prober.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet.environment import expand_all
from podbay.kubelet.probes.answer import Answer, Unanswerable, unwell, well
from podbay.kubelet.probes.grpc import grpc_answer
from podbay.kubelet.probes.http import HttpGetter, HttpProblem
from podbay.kubelet.probes.targets import NoTarget, headers_of, port_of, url_of
from podbay.kubelet.probes.tcp import tcp_answer

Object = Mapping[str, Any]
_MOST_BYTES: Final = 10 * 1024
_USER_AGENT: Final = "kube-probe/1.33"


class Asker:
    """See the module."""

    def __init__(self, runtime: Runtime, getter: HttpGetter, *, is_real: bool) -> None:
        self._runtime = runtime
        self._getter = getter
        self._is_real = is_real

    async def ask(self, probe: Object, container: Object, container_id: str, pod_ip: str) -> Answer:
        """Return the container's answer. Raises Unanswerable."""
        timeout_s = float(probe.get("timeoutSeconds") or 1)
        if probe.get("exec") is not None:
            return await self._exec(probe["exec"], container, container_id, timeout_s)
        try:
            if probe.get("httpGet") is not None:
                url = url_of(probe["httpGet"], container, pod_ip)
                headers = headers_of(probe["httpGet"], _USER_AGENT)
                return await self._http(url, headers, timeout_s) if self._is_real else well()
            kind = "tcpSocket" if probe.get("tcpSocket") is not None else "grpc"
            target = probe[kind]
            port = port_of(target.get("port", ""), container)
        except NoTarget as error:
            raise Unanswerable(str(error)) from None
        if not self._is_real:
            return well()
        if kind == "tcpSocket":
            return await tcp_answer(target.get("host") or pod_ip, port, timeout_s)
        return await grpc_answer(pod_ip, port, target.get("service") or "", timeout_s)

    async def _exec(self, action: Object, container: Object, container_id: str, timeout_s: float) -> Answer:
        values = {v["name"]: v.get("value", "") for v in container.get("env") or () if "valueFrom" not in v}
        command = expand_all(action["command"], values)
        try:
            result = await self._runtime.exec_sync(container_id, command, timeout_s)
        except RuntimeFailure as error:
            if error.code == "DEADLINE_EXCEEDED":
                return unwell(f'command timed out: "{" ".join(command)}" timed out after {timeout_s:.0f}s')
            raise Unanswerable(str(error)) from None
        text = (result.stdout + result.stderr)[:_MOST_BYTES].decode("utf-8", "replace")
        return Answer(is_well=result.exit_code == 0, text=text)

    async def _http(self, url: str, headers: list[tuple[str, str]], timeout_s: float) -> Answer:
        try:
            status, body = await self._getter.get(url, headers, timeout_s)
        except HttpProblem as error:
            return unwell(str(error))
        if 200 <= status < 300:
            return well()
        if 300 <= status < 400:
            text = body.decode("utf-8", "replace")
            return well(f"Probe terminated redirects, Response body: {text}", is_warning=True)
        return unwell(f"HTTP probe failed with statuscode: {status}")
