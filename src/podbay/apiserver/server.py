"""The API server: a handler from requests to responses, over one store.

Takes requests from a door (HTTPS or in process) with the identity that TLS gave; walks them through authentication,
authorization and the verbs; answers every error as a Status. Owns the cache and the standard namespaces.
Invariant: nothing reaches a verb that was not authenticated and authorized.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import (
    BadRequest,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    StatusError,
    Unauthorized,
)
from podbay.api.local_path import default_storage_class
from podbay.api.names import path_segment_problems
from podbay.api.priority import system_classes
from podbay.api.resources import Resource, Subresource
from podbay.apiserver import documents, health
from podbay.apiserver.audit.record import UNRECORDED, Record
from podbay.apiserver.authorization import REGISTRY_PATH, authorize
from podbay.apiserver.bodies import patch_type
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.connect import connect
from podbay.apiserver.connect.proxy import proxy_node
from podbay.apiserver.identity import Identity, authenticate
from podbay.apiserver.impersonation import impersonated
from podbay.apiserver.metrics import MEDIA, Metrics
from podbay.apiserver.negotiation import Representation, negotiate
from podbay.apiserver.options import check_include_object, write_options
from podbay.apiserver.pretty import make_pretty, wants_pretty
from podbay.apiserver.request_info import RequestInfo, parse_target
from podbay.apiserver.standing import furnish, make
from podbay.apiserver.storage.objects import Objects
from podbay.apiserver.tokens import openid
from podbay.apiserver.tokens.authenticator import TokenAuthenticator
from podbay.apiserver.tokens.keys import SigningKey
from podbay.apiserver.usage import answer_usage
from podbay.apiserver.verbs import delete, eviction, pods, read, reviews, tokens, write
from podbay.apiserver.verbs.call import Call
from podbay.apiserver.verbs.watch import watch
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.store.errors import StoreError
from podbay.store.interface import Store, prefix_end
from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

_log = logging.getLogger(__name__)

_NAME_LABEL: Final = "kubernetes.io/metadata.name"
NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
_FINISH_S: Final = 2.0
_HEALTH: Final = ("livez", "readyz", "healthz")
_NAMED: Final = ("get", "update", "patch", "delete")
_VERBS: Final = {
    "create": write.create,
    "get": read.get,
    "list": read.list_,
    "watch": watch,
    "update": write.update,
    "patch": write.patch,
    "delete": delete.delete,
    "deletecollection": delete.delete_collection,
}


class ApiServer:
    """See the module. ``start``, then ``handle`` requests, then ``close``."""

    def __init__(self, store: Store, clock: Clock, config: ApiServerConfig, activity: Activity | None = None) -> None:
        self._clock = clock
        self._config = config
        self._activity = activity or Activity()
        self.objects = Objects(store, clock, self._activity)
        self.metrics = Metrics()
        key = config.token_key or SigningKey.made()
        self.tokens = TokenAuthenticator(config.tokens, key, self.objects, clock)
        self._started = self._ending = False
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Fill the cache and make the namespaces that every cluster has."""
        await self.objects.cache.start()
        for name in NAMESPACES:
            await furnish(self.objects, self._clock, name, self._config.root_ca)
            namespace = {"metadata": {"name": name, "labels": {_NAME_LABEL: name}}}
            await make(self.objects, self._clock, resources.NAMESPACES, namespace)
        for priority_class in system_classes():
            await make(self.objects, self._clock, resources.PRIORITY_CLASSES, priority_class)
        await make(self.objects, self._clock, resources.STORAGE_CLASSES, default_storage_class())
        self._started = True

    async def close(self) -> None:
        """Refuse what comes from now on, end every watch, and let what is being answered finish.

        The store stays open: it is its opener's.
        """
        self._ending = True
        self.objects.cache.end_watches()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self._idle.wait()
        await self.objects.cache.close()

    async def handle(self, request: Request) -> Response:
        """Answer one request; every error is a Status."""
        info = parse_target(request.method, request.target)
        began = self._clock.monotonic()
        self.metrics.began(info)
        self._answering += 1
        self._idle.clear()
        auditor = self._config.auditor
        record = auditor.record(request, info) if auditor is not None else UNRECORDED
        unforeseen: Exception | None = None
        response = Response(status=499)  # what is counted if the client goes away meanwhile
        try:
            with self._activity.working("request"):
                response = await self._answer(request, info, record)
        except StatusError as error:
            response = _failure(error)
        except StoreError as error:
            response = _failure(ServiceUnavailable(str(error)))
        except Exception as error:
            _log.exception("%s %s", request.method, info.path)
            unforeseen = error
            response = _failure(InternalError("Internal error occurred: see the server's log"))
        except BaseException:
            record.abandoned()
            raise
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()
            streams = response.stream is not None or response.upgrade is not None
            self.metrics.ended(info, response.status, self._clock.monotonic() - began, streams=streams)
        record.answered(response, unforeseen)
        if not any(name == "Cache-Control" for name, _ in response.headers):
            response.headers.append(("Cache-Control", "no-cache, private"))
        if wants_pretty(info.query, request.headers.get("User-Agent")):
            await make_pretty(response)
        return response

    def pods_of_node(self, node: str, namespace: str, name: str) -> Iterable[Mapping[str, Any]]:
        """Yield a namespace's pods that are bound to a node: the one of that name, or all if it is empty."""
        cache = self.objects.cache.of(resources.PODS)
        start = self.objects.key(resources.PODS, namespace, name)
        for entry in cache.between(start, f"{start}\0" if name else prefix_end(start)):
            if entry.fields(resources.PODS)["spec.nodeName"] == node:
                yield entry.object()

    def volume_named(self, name: str) -> Mapping[str, Any] | None:
        """Return the persistent volume of a name."""
        resource = resources.PERSISTENT_VOLUMES
        entry = self.objects.cache.of(resource).entries.get(self.objects.key(resource, "", name))
        return entry.object() if entry is not None else None

    async def _answer(self, request: Request, info: RequestInfo, record: Record) -> Response:
        if self._ending and not _is_health(info.path):
            raise ServiceUnavailable("the server is ending", details={"retryAfterSeconds": 1})
        identity = self._judged(request, info, record)
        if not info.is_resource:
            return await self._answer_path(request, info)
        resource = resources.find(info.group, info.version, info.resource)
        misplaced = resource is not None and not resource.namespaced and resource is not resources.NAMESPACES
        if resource is None or (misplaced and info.namespace):
            raise NotFound("the server could not find the requested resource")
        return await self._answer_resource(request, info, resource, identity, record)

    def _judged(self, request: Request, info: RequestInfo, record: Record) -> Identity:
        """Return as whom a request is answered. Raises Unauthorized, Forbidden."""
        try:
            identity = authenticate(request, self.tokens.bearer)
        except Unauthorized:
            record.authenticated(None)
            raise
        record.authenticated(identity)
        acting = impersonated(identity, request.headers)
        if acting is not identity:
            record.impersonated(acting)
        authorize(acting, info, self.pods_of_node, self.volume_named, self._config.policies, record.annotate)
        return acting

    async def _answer_path(self, request: Request, info: RequestInfo) -> Response:
        path = info.path
        if _is_health(path):
            return health.answer(path, info.query, self._checks(ready=path.startswith("/readyz")))
        if path == REGISTRY_PATH or path.startswith(f"{REGISTRY_PATH}/"):
            if self._config.registry is None:
                raise NotFound("this server has no image registry")
            return await self._config.registry(request)
        if path == "/metrics":
            await self._measure()
            return Response(status=200, headers=[("Content-Type", MEDIA)], body=self.metrics.text())
        if info.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"the server does not allow {info.method} on {path}")
        response = openid.answer(path, self.tokens.key, self._config.address)
        response = response or await documents.answer(request, info, self._config)
        if response is None:
            raise NotFound("the server could not find the requested resource")
        return response

    async def _answer_resource(
        self, request: Request, info: RequestInfo, resource: Resource, identity: Identity, record: Record
    ) -> Response:
        if problems := path_segment_problems(info.name):
            raise BadRequest(f'Name parameter invalid: "{info.name}": {";".join(problems)}')
        if info.verb == "patch":
            patch_type(request)  # before its options, which other types have others of
        plain = info.subresource in ("log", *resources.STREAMS)
        representation = Representation() if plain else negotiate(request.headers.get("Accept"))
        if representation.kind == "Table":
            check_include_object(info.query)
        call = Call(
            request=request,
            info=info,
            resource=resource,
            identity=identity,
            objects=self.objects,
            clock=self._clock,
            activity=self._activity,
            representation=representation,
            options=write_options(info.verb, info.query),
            config=self._config,
            record=record,
        )
        if info.subresource:
            return await self._answer_subresource(call)
        if info.verb not in resource.verbs or info.verb not in _VERBS:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if resource is resources.BINDINGS:
            return await pods.bind(call)
        if resource is resources.TOKEN_REVIEWS and not info.name:
            return await reviews.review_token(call, self.tokens)
        if resource is resources.SELF_SUBJECT_REVIEWS and not info.name:
            return await reviews.review_self(call)
        if info.verb != "watch" and bool(info.name) != (info.verb in _NAMED):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if resource in resources.MEASURED:
            return await answer_usage(call)
        return await _VERBS[info.verb](call)

    async def _answer_subresource(self, call: Call) -> Response:
        info = call.info
        sub: Subresource | None = next((s for s in call.resource.subresources if s.name == info.subresource), None)
        if sub is None:
            raise NotFound("the server could not find the requested resource")
        if info.verb not in sub.verbs:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        match sub.name:
            case "status" | "finalize" | "ephemeralcontainers" | "resize":
                return await _VERBS[info.verb](call)
            case "binding":
                return await pods.bind(call)
            case "eviction":
                return await eviction.evict(call)
            case "token":
                return await tokens.request_token(call, self.tokens)
            case "proxy":
                return await proxy_node(call, self._config)
            case _:
                return await connect(call, self._config)

    def _checks(self, *, ready: bool) -> dict[str, health.Check]:
        def cache() -> str | None:
            failed = self.objects.cache.failed
            return str(failed) if failed is not None else None

        found: dict[str, health.Check] = {
            "ping": lambda: None,
            "log": lambda: None,
            "etcd": cache,
            "poststarthook/start-system-namespaces-controller": lambda: (
                None if self._started else "the namespaces are not there yet"
            ),
            "poststarthook/scheduling/bootstrap-system-priority-classes": lambda: (
                None if self._started else "the priority classes are not there yet"
            ),
        }
        if ready:
            found["informer-sync"] = lambda: None if self._started else "the cache is not filled yet"
            found["shutdown"] = lambda: "the server is ending" if self._ending else None
        return found

    async def _measure(self) -> None:
        asked = self._clock.monotonic()
        await asyncio.sleep(0)  # one turn of the loop: everybody who is ready goes first
        self.metrics.loop_lag.set(self._clock.monotonic() - asked)
        if self._config.auditor is not None:
            self.metrics.auditing(self._config.auditor.log.given, self._config.auditor.log.lost)
        cache = self.objects.cache
        self.metrics.revision.set(cache.revision)
        for resource in resources.RESOURCES:
            if resource.stored_as is None:
                part = cache.of(resource)
                self.metrics.objects.labels(resource.group_resource).set(len(part.entries))
                self.metrics.watching(resource, part.watcher_count)


def _is_health(path: str) -> bool:
    return path.strip("/").partition("/")[0] in _HEALTH


def _failure(error: StatusError) -> Response:
    headers = [("Content-Type", JSON)]
    retry = error.details.get("retryAfterSeconds")
    if retry:
        headers.append(("Retry-After", str(retry)))
    return Response(status=error.code, headers=headers, body=json.encode(error.as_status()))
