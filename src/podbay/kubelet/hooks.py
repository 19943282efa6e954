"""Lifecycle hooks: what a container wants done right after its start, and before it is asked to end.

Takes a hook, its container and where that is; returns when it is done, or raises HookFailed with upstream's text. A
pause takes the injected clock; a command and a request take as long as they take, and whoever waits has the deadline.
Source: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/ ; upstream's lifecycle handlers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet.probes.http import PLAIN_ANSWER, HttpGetter, HttpProblem
from podbay.kubelet.probes.targets import NoTarget, headers_of, url_of
from podbay.lib.clock import Clock

Object = Mapping[str, Any]
FALLBACK: Final = "LifecycleHTTPFallback"
_USER_AGENT: Final = "kube-lifecycle/1.33"


class HookFailed(Exception):
    """A hook did not do what it should."""


class HookRunner:
    """See the module."""

    def __init__(self, runtime: Runtime, getter: HttpGetter, clock: Clock, *, is_real: bool) -> None:
        self._runtime = runtime
        self._getter = getter
        self._clock = clock
        self._is_real = is_real

    async def run(self, hook: Object, pod: Object, container: Object, container_id: str, pod_ip: str) -> str:
        """Do what a hook says; return what an event should tell of it, mostly nothing. Raises HookFailed."""
        metadata = pod["metadata"]
        whose = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        where = f'for Container "{container["name"]}" in Pod "{whose}" failed - error'
        if hook.get("exec") is not None:
            await self._exec(hook["exec"]["command"], container_id, where)
        elif hook.get("httpGet") is not None:
            return await self._http_get(hook["httpGet"], container, pod_ip, where)
        elif hook.get("sleep") is not None:
            await self._clock.sleep(float(hook["sleep"].get("seconds") or 0))
        else:
            raise HookFailed(f"Cannot run handler: invalid handler: {dict(hook)}")
        return ""

    async def _exec(self, command: Sequence[str], container_id: str, where: str) -> None:
        start = f"Exec lifecycle hook ([{' '.join(command)}]) {where}"
        try:
            result = await self._runtime.exec_sync(container_id, command, 0)
        except RuntimeFailure as error:
            raise HookFailed(f'{start}: {error}, message: ""') from None
        if result.exit_code != 0:
            text = (result.stdout + result.stderr).decode("utf-8", "replace")
            said = result.stderr.decode("utf-8", "replace")
            why = f"command '{' '.join(command)}' exited with {result.exit_code}: {said}"
            raise HookFailed(f'{start}: {why}, message: "{text}"')

    async def _http_get(self, get: Object, container: Object, pod_ip: str, where: str) -> str:
        """Send a request; whatever status comes back is fine. A server that only speaks plainly is asked plainly."""
        try:
            url, headers = url_of(get, container, pod_ip), headers_of(get, _USER_AGENT)
            if not self._is_real:
                return ""
            try:
                await self._getter.get(url, headers, None)
            except HttpProblem as error:
                if error.why != PLAIN_ANSWER:
                    raise
                plain = [(name, value) for name, value in headers if name.lower() != "authorization"]
                await self._getter.get(f"http:{url.partition(':')[2]}", plain, None)
                host = urlsplit(url).netloc
                return f"request to HTTPS lifecycle hook {host} got HTTP response, retry with HTTP succeeded"
        except (HttpProblem, NoTarget) as error:
            raise HookFailed(f"Http lifecycle hook ({get.get('path', '')}) {where}: {error}") from None
        return ""
