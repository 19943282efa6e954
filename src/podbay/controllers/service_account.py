"""The service account controller: every namespace has an account ``default``, which pods act as that name no other.

Takes namespaces and service accounts from informers; creates the account where it is missing: after somebody deleted
it. The API server makes the first one, with the namespace.
Invariant: nothing is created in a namespace that is going.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-controller
"""

from contextlib import suppress

from podbay.api.errors import AlreadyExists, Forbidden, NotFound
from podbay.api.namespace_furniture import DEFAULT_ACCOUNT, default_account
from podbay.api.resources import NAMESPACES, SERVICE_ACCOUNTS
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope


class ServiceAccountController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._namespaces = Informer(rest, NAMESPACES, clock, activity)
        self._accounts = Informer(rest, SERVICE_ACCOUNTS, clock, activity)
        informers = (self._namespaces, self._accounts)
        self._controller = Controller("service account controller", informers, self._reconcile, clock, activity)
        self._namespaces.on_change(self._namespace_changed)
        self._accounts.on_change(self._account_changed)

    async def run(self) -> None:
        """Create accounts until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._namespaces.run(), name="service account namespaces")
            scope.start(self._accounts.run(), name="service accounts")
            await self._controller.run(workers=1)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    def _account_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            self._controller.queue.add(old["metadata"]["namespace"])

    async def _reconcile(self, namespace: str) -> float | None:
        found = self._namespaces.get(namespace)
        if (
            found is None
            or "deletionTimestamp" in found["metadata"]
            or self._accounts.get(f"{namespace}/{DEFAULT_ACCOUNT}")
        ):
            return None
        with suppress(AlreadyExists, Forbidden, NotFound):  # somebody was quicker, or the namespace is going or gone
            await self._rest.create(SERVICE_ACCOUNTS, default_account(), namespace=namespace)
        return None
