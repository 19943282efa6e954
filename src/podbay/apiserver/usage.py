"""metrics.k8s.io: what nodes and pods use now, asked of the kubelets when somebody wants to know.

Takes a get or list of ``nodes`` or ``pods`` of that group; chooses by the stored nodes and pods, asks the kubelet of
each node that is concerned, all at once, and gives NodeMetrics or PodMetrics. Nothing is kept.
Invariant: a kubelet that does not answer hides its own node and pods only; a pod is told of when every container of it
that runs was measured.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/ ; metrics-server.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import NotFound, StatusError
from podbay.api.quantity import Format, Quantity
from podbay.apiserver.connect import kubelet_url
from podbay.apiserver.storage.entry import Entry
from podbay.apiserver.verbs.call import Call, represent, respond, respond_bytes
from podbay.apiserver.verbs.read import find
from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.configuration import ClientConfig
from podbay.client.requests import object_of, request
from podbay.client.transport import TransportError
from podbay.wire import json
from podbay.wire.http import Response
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

Object = dict[str, Any]
_SUMMARY: Final = "/stats/summary?only_cpu_and_memory=true"
_PATIENCE_S: Final = 10.0
_WINDOW: Final = "10s"  # over which a kubelet measures the use of processors


async def answer_usage(call: Call) -> Response:
    """Answer a get or a list. Raises NotFound and what a list raises."""
    is_nodes = call.resource is resources.NODE_METRICS
    chosen = replace(call, resource=resources.NODES if is_nodes else resources.PODS)
    if call.info.name:
        entries: Sequence[Entry] = [await _one(call, chosen)]
        metadata: Object = {}
    else:
        entries, metadata = await find(chosen)
    objects = [entry.object() for entry in entries]
    summaries = await _summaries(call, {_node_of(obj, is_nodes=is_nodes) for obj in objects} - {""})
    now = format_time(call.clock.now())
    measured = [
        found
        for obj in objects
        if (found := (node_metrics if is_nodes else pod_metrics)(obj, summaries, now)) is not None
    ]
    if call.info.name:
        if not measured:
            raise _not_found(call)
        return respond(call, json.encode(measured[0]))
    metadata.pop("resourceVersion", None)
    if call.representation.kind:
        return respond_bytes(call, json.encode(represent(call, measured, metadata, single=False)))
    found_list = {
        "kind": f"{call.resource.kind}List",
        "apiVersion": call.resource.api_version,
        "metadata": metadata,
        "items": measured,
    }
    return respond_bytes(call, json.encode(found_list))


def node_metrics(node: Mapping[str, Any], summaries: Mapping[str, Object], now: str) -> Object | None:
    """Return what a node uses, or None if that is not known (yet). Pure."""
    found = summaries.get(node["metadata"]["name"], {}).get("node") or {}
    usage = _usage(found)
    if usage is None:
        return None
    return {**_head(node, "NodeMetrics", now), **_moment([found]), "usage": usage}


def pod_metrics(pod: Mapping[str, Any], summaries: Mapping[str, Object], now: str) -> Object | None:
    """Return what a pod's containers use, or None if that is not known (yet). Pure."""
    uid = pod["metadata"]["uid"]
    pods = summaries.get((pod.get("spec") or {}).get("nodeName") or "", {}).get("pods") or ()
    found = next((each for each in pods if each["podRef"]["uid"] == uid), None)
    if found is None:
        return None
    usages = [(container["name"], _usage(container)) for container in found["containers"]]
    if any(usage is None for _, usage in usages):
        return None
    containers = [{"name": name, "usage": usage} for name, usage in usages]
    return {**_head(pod, "PodMetrics", now), **_moment(found["containers"]), "containers": containers}


def _head(obj: Mapping[str, Any], kind: str, now: str) -> Object:
    known = obj["metadata"]
    metadata = {name: known[name] for name in ("name", "namespace", "labels") if known.get(name)}
    return {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {**metadata, "creationTimestamp": now}}


def _moment(measured: Iterable[Mapping[str, Any]]) -> Object:
    return {"timestamp": min(each["cpu"]["time"] for each in measured), "window": _WINDOW}


def _usage(measured: Mapping[str, Any]) -> Object | None:
    cpu, memory = measured.get("cpu") or {}, measured.get("memory") or {}
    if "usageNanoCores" not in cpu or "workingSetBytes" not in memory:
        return None
    size = Quantity.of(memory["workingSetBytes"] // 1024 * 1024, Format.BINARY_SI)
    return {"cpu": str(Quantity(cpu["usageNanoCores"])), "memory": str(size)}


def _node_of(obj: Mapping[str, Any], *, is_nodes: bool) -> str:
    return str(obj["metadata"]["name"] if is_nodes else obj["spec"].get("nodeName") or "")


async def _one(call: Call, chosen: Call) -> Entry:
    try:
        return await call.objects.get(chosen.resource, call.info.namespace, call.info.name)
    except NotFound:
        raise _not_found(call) from None


def _not_found(call: Call) -> NotFound:
    name = f"{call.info.namespace}/{call.info.name}" if call.info.namespace else call.info.name
    kind = call.resource.singular
    details = {"name": name, "group": call.resource.group, "kind": kind}
    return NotFound(f'{kind}.{call.resource.group} "{name}" not found', details=details)


async def _summaries(call: Call, nodes: set[str]) -> dict[str, Object]:
    """Return the summaries of the kubelets that answer, by node."""
    found = await asyncio.gather(*(_summary(call, node) for node in nodes))
    return {node: summary for node, summary in zip(nodes, found, strict=True) if summary is not None}


async def _summary(call: Call, name: str) -> Object | None:
    if call.config.kubelet_tls is None:
        return None
    try:
        server = kubelet_url((await call.objects.get(resources.NODES, "", name)).object())
        transport = AiohttpTransport(ClientConfig(server=server), tls=call.config.kubelet_tls())
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return object_of(await transport.send(request("GET", _SUMMARY)))
        finally:
            await transport.close()
    except (StatusError, TransportError, TimeoutError, ValueError) as error:
        _log.info("asking the kubelet of %s what it uses: %s", name, error or "timed out")
        return None
