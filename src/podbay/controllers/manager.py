"""Runs every controller, each with an identity of its own.

Takes a way to get a client for a user name; runs until cancelled.
"""

from collections.abc import Callable
from typing import Final

from podbay.client.rest import Rest
from podbay.controllers.claim_garbage import ClaimGarbageCollector
from podbay.controllers.disruption import DisruptionController
from podbay.controllers.ephemeral_volumes import EphemeralVolumeController
from podbay.controllers.local_path import LocalPathProvisioner
from podbay.controllers.namespace import NamespaceController
from podbay.controllers.node_ipam import NodeIpamController
from podbay.controllers.node_lifecycle import NodeLifecycleController
from podbay.controllers.pod_garbage import PodGarbageCollector
from podbay.controllers.resource_quota import ResourceQuotaController
from podbay.controllers.root_ca import RootCaPublisher
from podbay.controllers.service_account import ServiceAccountController
from podbay.controllers.taint_eviction import TaintEvictionController
from podbay.controllers.volume_binder import VolumeBinder
from podbay.controllers.volume_protection import ClaimProtectionController, VolumeProtectionController
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

NAMESPACE_USER: Final = "system:serviceaccount:kube-system:namespace-controller"
DISRUPTION_USER: Final = "system:serviceaccount:kube-system:disruption-controller"
NODE_USER: Final = "system:serviceaccount:kube-system:node-controller"
POD_GARBAGE_USER: Final = "system:serviceaccount:kube-system:pod-garbage-collector"
RESOURCE_QUOTA_USER: Final = "system:serviceaccount:kube-system:resourcequota-controller"
ROOT_CA_USER: Final = "system:serviceaccount:kube-system:root-ca-cert-publisher"
SERVICE_ACCOUNT_USER: Final = "system:serviceaccount:kube-system:service-account-controller"

BINDER_USER: Final = "system:serviceaccount:kube-system:persistent-volume-binder"
CLAIM_PROTECTION_USER: Final = "system:serviceaccount:kube-system:pvc-protection-controller"
VOLUME_PROTECTION_USER: Final = "system:serviceaccount:kube-system:pv-protection-controller"
EPHEMERAL_VOLUME_USER: Final = "system:serviceaccount:kube-system:ephemeral-volume-controller"
CLAIM_GARBAGE_USER: Final = "system:serviceaccount:kube-system:generic-garbage-collector"
LOCAL_PATH_USER: Final = "system:serviceaccount:kube-system:local-path-provisioner"


class ControllerManager:
    """See the module."""

    def __init__(
        self,
        rest_for: Callable[[str], Rest],
        clock: Clock,
        activity: Activity,
        *,
        cluster_cidr: str,
        node_mask: int = 24,
        root_ca: str = "",
    ) -> None:
        self._controllers = (
            NamespaceController(rest_for(NAMESPACE_USER), clock, activity),
            NodeIpamController(rest_for(NODE_USER), clock, activity, cluster_cidr=cluster_cidr, node_mask=node_mask),
            NodeLifecycleController(rest_for(NODE_USER), clock, activity),
            TaintEvictionController(rest_for(NODE_USER), clock, activity),
            PodGarbageCollector(rest_for(POD_GARBAGE_USER), clock, activity),
            RootCaPublisher(rest_for(ROOT_CA_USER), clock, activity, certificate=root_ca),
            ServiceAccountController(rest_for(SERVICE_ACCOUNT_USER), clock, activity),
            DisruptionController(rest_for(DISRUPTION_USER), clock, activity),
            ResourceQuotaController(rest_for(RESOURCE_QUOTA_USER), clock, activity),
            VolumeBinder(rest_for(BINDER_USER), clock, activity),
            ClaimProtectionController(rest_for(CLAIM_PROTECTION_USER), clock, activity),
            VolumeProtectionController(rest_for(VOLUME_PROTECTION_USER), clock, activity),
            EphemeralVolumeController(rest_for(EPHEMERAL_VOLUME_USER), clock, activity),
            ClaimGarbageCollector(rest_for(CLAIM_GARBAGE_USER), clock, activity),
            LocalPathProvisioner(rest_for(LOCAL_PATH_USER), clock, activity),
        )

    async def run(self) -> None:
        """Run all controllers until cancelled."""
        async with TaskScope() as scope:
            for task in [scope.start(c.run(), name=type(c).__name__) for c in self._controllers]:
                await task
