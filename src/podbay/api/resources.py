"""Every kind that is served, declared once as data; routes, discovery, authorization names and columns derive from it.

Pure data. A new kind begins here: a line in ``RESOURCES``, then its defaults, validation and strategy.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#standard-api-terminology
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STREAMS: Final = ("attach", "exec", "portforward", "proxy")  # subresources that connect the client with a kubelet


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """A subresource and the kind that its bodies have (the parent's kind and version if not said)."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource in one version. ``stored_as`` names the group whose stored objects this is another view of."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    stored_as: "Resource | None" = None

    @property
    def singular(self) -> str:
        """Return the singular name, which upstream derives from the kind."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """Return ``v1`` or ``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """Return ``pods`` or ``leases.coordination.k8s.io``, as messages say it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage(self) -> "Resource":
        """Return the resource under which objects are stored."""
        return self.stored_as or self


_STATUS: Final = Subresource(name="status", verbs=("get", "patch", "update"))

PODS: Final = Resource(
    group="", version="v1", kind="Pod", plural="pods", namespaced=True, short_names=("po",), categories=("all",),
    subresources=(
        Subresource(name="attach", verbs=("create", "get"), kind="PodAttachOptions"),
        Subresource(name="binding", verbs=("create",), kind="Binding"),
        Subresource(name="ephemeralcontainers", verbs=("get", "patch", "update")),
        Subresource(name="eviction", verbs=("create",), kind="Eviction", group="policy", version="v1"),
        Subresource(name="exec", verbs=("create", "get"), kind="PodExecOptions"),
        Subresource(name="log", verbs=("get",)),
        Subresource(name="portforward", verbs=("create", "get"), kind="PodPortForwardOptions"),
        Subresource(name="resize", verbs=("get", "patch", "update")),
        _STATUS,
    ),
)  # fmt: skip
NODES: Final = Resource(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    namespaced=False,
    short_names=("no",),
    subresources=(
        Subresource(name="proxy", verbs=("create", "delete", "get", "patch", "update"), kind="NodeProxyOptions"),
        _STATUS,
    ),
)
NAMESPACES: Final = Resource(
    group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False, short_names=("ns",),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    subresources=(Subresource(name="finalize", verbs=("update",)), _STATUS),
)  # fmt: skip
CONFIG_MAPS: Final = Resource(
    group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True, short_names=("cm",)
)
SECRETS: Final = Resource(group="", version="v1", kind="Secret", plural="secrets", namespaced=True)
SERVICE_ACCOUNTS: Final = Resource(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    namespaced=True,
    short_names=("sa",),
    subresources=(
        Subresource(name="token", verbs=("create",), kind="TokenRequest", group="authentication.k8s.io", version="v1"),
    ),
)
POD_TEMPLATES: Final = Resource(group="", version="v1", kind="PodTemplate", plural="podtemplates", namespaced=True)
PERSISTENT_VOLUMES: Final = Resource(
    group="", version="v1", kind="PersistentVolume", plural="persistentvolumes", namespaced=False,
    short_names=("pv",), subresources=(_STATUS,),
)  # fmt: skip
PERSISTENT_VOLUME_CLAIMS: Final = Resource(
    group="", version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims", namespaced=True,
    short_names=("pvc",), subresources=(_STATUS,),
)  # fmt: skip
LIMIT_RANGES: Final = Resource(
    group="", version="v1", kind="LimitRange", plural="limitranges", namespaced=True, short_names=("limits",)
)
RESOURCE_QUOTAS: Final = Resource(
    group="", version="v1", kind="ResourceQuota", plural="resourcequotas", namespaced=True, short_names=("quota",),
    subresources=(_STATUS,),
)  # fmt: skip
EVENTS: Final = Resource(group="", version="v1", kind="Event", plural="events", namespaced=True, short_names=("ev",))
BINDINGS: Final = Resource(
    group="", version="v1", kind="Binding", plural="bindings", namespaced=True, verbs=("create",)
)
LEASES: Final = Resource(group="coordination.k8s.io", version="v1", kind="Lease", plural="leases", namespaced=True)
EVENTS_V1: Final = Resource(
    group="events.k8s.io", version="v1", kind="Event", plural="events", namespaced=True, short_names=("ev",),
    stored_as=EVENTS,
)  # fmt: skip
PRIORITY_CLASSES: Final = Resource(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    namespaced=False,
    short_names=("pc",),
)
RUNTIME_CLASSES: Final = Resource(
    group="node.k8s.io", version="v1", kind="RuntimeClass", plural="runtimeclasses", namespaced=False
)
TOKEN_REVIEWS: Final = Resource(
    group="authentication.k8s.io", version="v1", kind="TokenReview", plural="tokenreviews", namespaced=False,
    verbs=("create",),
)  # fmt: skip
SELF_SUBJECT_REVIEWS: Final = Resource(
    group="authentication.k8s.io", version="v1", kind="SelfSubjectReview", plural="selfsubjectreviews",
    namespaced=False, verbs=("create",),
)  # fmt: skip
TOKEN_REQUESTS: Final = Resource(  # the body of serviceaccounts/token
    group="authentication.k8s.io", version="v1", kind="TokenRequest", plural="tokenrequests", namespaced=True,
    verbs=("create",),
)  # fmt: skip
STORAGE_CLASSES: Final = Resource(
    group="storage.k8s.io", version="v1", kind="StorageClass", plural="storageclasses", namespaced=False,
    short_names=("sc",),
)  # fmt: skip
POD_DISRUPTION_BUDGETS: Final = Resource(
    group="policy", version="v1", kind="PodDisruptionBudget", plural="poddisruptionbudgets", namespaced=True,
    short_names=("pdb",), subresources=(_STATUS,),
)  # fmt: skip
EVICTIONS: Final = Resource(  # the body of pods/eviction; no objects of that kind are kept
    group="policy", version="v1", kind="Eviction", plural="evictions", namespaced=True, verbs=("create",)
)

RESOURCES: Final = (
    BINDINGS, CONFIG_MAPS, EVENTS, LIMIT_RANGES, NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS,
    POD_TEMPLATES, RESOURCE_QUOTAS, SECRETS, SERVICE_ACCOUNTS, LEASES, EVENTS_V1, SELF_SUBJECT_REVIEWS, TOKEN_REVIEWS,
    RUNTIME_CLASSES, POD_DISRUPTION_BUDGETS, PRIORITY_CLASSES, STORAGE_CLASSES,
)  # fmt: skip

NODE_METRICS: Final = Resource(
    group="metrics.k8s.io", version="v1beta1", kind="NodeMetrics", plural="nodes", namespaced=False,
    verbs=("get", "list"),
)  # fmt: skip
POD_METRICS: Final = Resource(
    group="metrics.k8s.io", version="v1beta1", kind="PodMetrics", plural="pods", namespaced=True, verbs=("get", "list")
)
MEASURED: Final = (NODE_METRICS, POD_METRICS)  # made when somebody asks: neither stored nor in the schema
SERVED: Final = (*RESOURCES, *MEASURED)

_BY_PLURAL: Final = {(r.group, r.version, r.plural): r for r in SERVED}
_BY_KIND: Final = {(r.group, r.version, r.kind): r for r in SERVED}


def find(group: str, version: str, plural: str) -> Resource | None:
    """Return the resource of a URL path's words."""
    return _BY_PLURAL.get((group, version, plural))


def find_kind(api_version: str, kind: str) -> Resource | None:
    """Return the resource of an object's apiVersion and kind."""
    group, _, version = api_version.rpartition("/")
    return _BY_KIND.get((group, version, kind))


def group_versions(of: Iterable[Resource] = SERVED) -> list[tuple[str, str]]:
    """Return every (group, version) served, the core group first."""
    return _unique((r.group, r.version) for r in of)


def of_group_version(group: str, version: str) -> list[Resource]:
    """Return a group version's resources by name."""
    return sorted((r for r in SERVED if (r.group, r.version) == (group, version)), key=lambda r: r.plural)


def _unique(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(pairs))
