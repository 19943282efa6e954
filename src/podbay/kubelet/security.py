"""Who a container runs as and what it may do: the pod's and the container's security context made one.

Pure. Takes a pod, a container and the user of its image; gives what the runtime is asked for.
Invariant: what a container says wins over its pod; a container that must not run as root never gets that far.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from podbay.cri.runtime import ContainerSecurity, Image, SandboxSecurity, SecurityProfile
from podbay.kubelet.environment import ConfigurationError

Object = Mapping[str, Any]

_SELINUX: Final = ("user", "role", "type", "level")
_UNCONFINED: Final = SecurityProfile(kind="Unconfined")


def sandbox_security(pod: Object) -> SandboxSecurity:
    """Return what a pod's sandbox may do."""
    context = _of_pod(pod)
    user = context.get("runAsUser")
    return SandboxSecurity(
        privileged=any((c.get("securityContext") or {}).get("privileged") for c in _containers(pod)),
        run_as_user=user,
        run_as_group=None if user is None else context.get("runAsGroup"),  # no runtime takes a group without a user
        supplemental_groups=_groups(pod),
        strict_groups=wants_strict_groups(pod),
        selinux=_selinux(context.get("seLinuxOptions")),
    )


def container_security(pod: Object, container: Object, image: Image | None, seccomp_root: str) -> ContainerSecurity:
    """Return what a container may do. Raises ConfigurationError if it would run as root and must not."""
    own, of_pod = container.get("securityContext") or {}, _of_pod(pod)

    def effective(name: str) -> Any:
        value = own.get(name)
        return of_pod.get(name) if value is None else value

    user, username, uid = effective("runAsUser"), "", _image_uid(image)
    if effective("runAsNonRoot"):
        _refuse_root(pod, container, user, image)
    if user is None:
        user, username = uid, image.username if image and uid is None else ""
    capabilities = own.get("capabilities") or {}
    return ContainerSecurity(
        privileged=bool(own.get("privileged")),
        run_as_user=user,
        run_as_username=username,
        run_as_group=effective("runAsGroup"),
        supplemental_groups=_groups(pod),
        strict_groups=wants_strict_groups(pod),
        add_capabilities=tuple(capabilities.get("add") or ()),
        drop_capabilities=tuple(capabilities.get("drop") or ()),
        read_only_root=bool(own.get("readOnlyRootFilesystem")),
        no_new_privileges=own.get("allowPrivilegeEscalation") is False,
        seccomp=_seccomp(effective("seccompProfile"), seccomp_root),
        apparmor=_apparmor(effective("appArmorProfile")),
        selinux=_selinux(effective("seLinuxOptions")),
    )


def refusal(pod: Object, *, has_apparmor: bool, can_groups: bool) -> tuple[str, str] | None:
    """Return why a host without AppArmor, or a runtime that merges groups, refuses a pod, as (reason, message)."""
    if wants_strict_groups(pod) and not can_groups:
        said = "SupplementalGroupsPolicy=Strict is not supported in this node"
        return "SupplementalGroupsPolicyNotSupported", said
    if wants_apparmor(pod) and not has_apparmor:
        return "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host"
    return None


def wants_strict_groups(pod: Object) -> bool:
    """Tell whether a pod's containers shall have no group but those that the pod names."""
    return bool(_of_pod(pod).get("supplementalGroupsPolicy") == "Strict")


def wants_apparmor(pod: Object) -> bool:
    """Tell whether a pod asks for a profile that only a host with AppArmor can give it."""
    contexts = [_of_pod(pod), *(c.get("securityContext") or {} for c in _containers(pod))]
    profiles = [context["appArmorProfile"] for context in contexts if context.get("appArmorProfile")]
    return any(profile["type"] != "Unconfined" for profile in profiles)


def _refuse_root(pod: Object, container: Object, user: int | None, image: Image | None) -> None:
    metadata = pod["metadata"]
    whose = f'(pod: "{metadata["name"]}_{metadata["namespace"]}({metadata["uid"]})", container: {container["name"]})'
    if user is not None:
        if user == 0:
            raise ConfigurationError(f"container's runAsUser breaks non-root policy {whose}")
        return
    uid = _image_uid(image)
    if uid == 0:
        raise ConfigurationError(f"container has runAsNonRoot and image will run as root {whose}")
    if uid is None:
        assert image is not None
        said = f"image has non-numeric user ({image.username}), cannot verify user is non-root"
        raise ConfigurationError(f"container has runAsNonRoot and {said} {whose}")


def _image_uid(image: Image | None) -> int | None:
    """Return the number of an image's user, None if it has only a name; who says nothing is root."""
    if image is None or (image.uid is None and not image.username):
        return 0
    return image.uid


def _groups(pod: Object) -> tuple[int, ...]:
    context = _of_pod(pod)
    group = context.get("fsGroup")
    return (*(() if group is None else (group,)), *(context.get("supplementalGroups") or ()))


def _seccomp(profile: Object | None, root: str) -> SecurityProfile:
    if profile is None:
        return _UNCONFINED
    if profile["type"] == "Localhost":
        return SecurityProfile(kind="Localhost", reference=posixpath.join(root, profile["localhostProfile"]))
    return SecurityProfile(kind=profile["type"])


def _apparmor(profile: Object | None) -> SecurityProfile | None:
    if profile is None:
        return None
    return SecurityProfile(kind=profile["type"], reference=profile.get("localhostProfile") or "")


def _selinux(options: Object | None) -> Mapping[str, str] | None:
    return None if options is None else {name: options.get(name) or "" for name in _SELINUX}


def _of_pod(pod: Object) -> Object:
    context: Object = pod["spec"].get("securityContext") or {}
    return context


def _containers(pod: Object) -> list[Object]:
    return [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
