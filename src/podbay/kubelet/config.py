"""What a kubelet is told about its node. Made by ``standalone`` and by tests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from podbay.cri.runtime import DnsConfig
from podbay.kubelet.eviction.thresholds import DEFAULT_HARD, Threshold, parse_thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletConfig:
    """See the module. Paths are of the host; ``cgroup_parent`` is a cgroup path such as ``/podbay/NAME``.

    ``resolver`` tells how the host resolves names now; it is asked for each sandbox, because a host moves.
    ``allowed_unsafe_sysctls`` are names of kernel parameters that pods may set although others feel it, or beginnings
    of names that end with ``*``. Unless ``serialize_image_pulls``, up to ``max_parallel_image_pulls`` images are pulled
    at once; None is no limit. The runtime has ``runtime_request_timeout_s`` to answer a call.
    A pod has at most ``pod_pids_limit`` processes and threads, if that is positive.
    What the fields about eviction say is in upstream's form; soft ones give pods at most
    ``eviction_max_pod_grace_period_s``.
    ``api_host`` and ``api_port`` are where pods reach the API server, if they can.
    Every ``container_log_monitor_s`` seconds, logs that have reached
    ``container_log_max_bytes`` (negative: none) are moved aside; ``container_log_max_files`` of a container are kept.
    Pods of the node's own come from the files of ``static_pod_path``, looked at every ``file_check_s`` seconds.

    Of a container that is started again and again, ``max_per_pod_container`` dead ones are kept (upstream has no
    setting for it any more). When the disk of the images is filled to ``image_gc_high_percent`` (100: never), unused
    ones are removed until it is filled to ``image_gc_low_percent``, none that came less than
    ``image_minimum_gc_age_s`` ago, and none of ``pinned_images``.

    Raises ValueError if something cannot be so.
    """

    node_name: str
    address: str
    port: int = 10250
    root: Path
    log_root: Path
    cgroup_parent: str = "/podbay"
    max_pods: int = 110
    pod_pids_limit: int = -1
    labels: Mapping[str, str] = field(default_factory=dict)
    resolver: Callable[[], DnsConfig] | None = None
    host_hosts: Path = Path("/etc/hosts")
    version: str = "v1.33.1"
    runtime_handler: str = ""
    oom_score_adj: bool = True
    is_real: bool = True
    cluster_domain: str = "cluster.local"
    allowed_unsafe_sysctls: Sequence[str] = ()
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int | None = None
    runtime_request_timeout_s: float = 120.0
    has_apparmor: bool = False
    eviction_hard: Mapping[str, str] = field(default_factory=lambda: DEFAULT_HARD)
    eviction_soft: Mapping[str, str] = field(default_factory=dict)
    eviction_soft_grace_period: Mapping[str, str] = field(default_factory=dict)
    eviction_minimum_reclaim: Mapping[str, str] = field(default_factory=dict)
    eviction_max_pod_grace_period_s: int = 0
    eviction_pressure_transition_period_s: float = 300.0
    api_host: str = ""
    api_port: int = 0
    container_log_max_bytes: int = 10 << 20
    container_log_max_files: int = 5
    container_log_monitor_s: float = 10.0
    max_per_pod_container: int = 1
    image_gc_high_percent: int = 85
    image_gc_low_percent: int = 80
    image_minimum_gc_age_s: float = 120.0
    image_gc_period_s: float = 300.0
    pinned_images: Sequence[str] = ()
    static_pod_path: Path | None = None
    file_check_s: float = 20.0

    def __post_init__(self) -> None:
        """Refuse what cannot be so."""
        if self.container_log_max_files <= 1:
            raise ValueError(f"invalid MaxFiles {self.container_log_max_files}, must be > 1")
        if self.container_log_monitor_s <= 0:
            raise ValueError(f"containerLogMonitorInterval {self.container_log_monitor_s} must be greater than 0")

    def thresholds(self) -> Sequence[Threshold]:
        """Return below what pods have to go for the node's sake. Raises ValueError."""
        return parse_thresholds(
            self.eviction_hard, self.eviction_soft, self.eviction_soft_grace_period, self.eviction_minimum_reclaim
        )

    @property
    def local_volumes(self) -> Path:
        """Return where the volumes are that are directories of the node; they outlive pods and kubelets."""
        return self.root / "local-volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the surroundings do for the kubelet, if they can.

    ``network_up`` returns when pods can have addresses. ``sweep_runtime`` removes what a killed runtime left behind;
    called once the pods were heard, after each loss of the runtime, and a little later again. Raises OSError.
    ``mend_sandboxes`` brings the image of sandboxes back, after a sandbox could not be made for want of it.
    """

    network_up: Callable[[], Awaitable[None]] | None = None
    sweep_runtime: Callable[[], Awaitable[None]] | None = None
    mend_sandboxes: Callable[[], Awaitable[None]] | None = None
