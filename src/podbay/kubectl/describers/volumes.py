"""A pod's volumes, described.

Pure. Takes volumes as a pod's spec has them; gives lines. Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence

from podbay.api.quantity import Quantity
from podbay.kubectl.describers.storage import write_claim
from podbay.kubectl.describers.text import NONE, Description, Object


def write_volumes(out: Description, volumes: Sequence[Object]) -> None:
    """Write a pod's volumes."""
    out.write(0, "Volumes:\n" if volumes else f"Volumes:\t{NONE}\n")
    for volume in volumes:
        out.write(1, f"{volume['name']}:\n")
        lines = _volume(volume)
        if lines is None:
            out.write(1, "<unknown>\n")
        for line in lines or ():
            out.write(2, f"{line}\n")
        if (volume.get("ephemeral") or {}).get("volumeClaimTemplate") is not None:
            with out.nested(2):
                write_claim(out, volume["ephemeral"]["volumeClaimTemplate"], is_template=True)
        for item in (volume.get("downwardAPI") or {}).get("items") or ():
            field = item.get("fieldRef") or {}
            source = field.get("fieldPath") or (item.get("resourceFieldRef") or {}).get("resource", "")
            out.write(3, f"{source} -> {item.get('path', '')}\n")


def _volume(volume: Object) -> list[str] | None:
    """Return a volume's lines; None for a kind that this release does not serve."""
    if volume.get("emptyDir") is not None:
        source = volume["emptyDir"]
        limit = source.get("sizeLimit")
        shown = str(Quantity.parse(limit)) if limit and Quantity.parse(limit) else "<unset>"
        about = "EmptyDir (a temporary directory that shares a pod's lifetime)"
        return [f"Type:\t{about}", f"Medium:\t{source.get('medium', '')}", f"SizeLimit:\t{shown}"]
    if volume.get("hostPath") is not None:
        source = volume["hostPath"]
        about = "HostPath (bare host directory volume)"
        kind = source.get("type")
        return [
            f"Type:\t{about}",
            f"Path:\t{source.get('path', '')}",
            f"HostPathType:\t{NONE if kind is None else kind}",
        ]
    if volume.get("persistentVolumeClaim") is not None:
        source = volume["persistentVolumeClaim"]
        about = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"
        read_only = "true" if source.get("readOnly") else "false"
        return [f"Type:\t{about}", f"ClaimName:\t{source.get('claimName', '')}", f"ReadOnly:\t{read_only}"]
    if volume.get("ephemeral") is not None:
        about = "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
        return [f"Type:\t{about}"]
    if volume.get("downwardAPI") is not None:
        return ["Type:\tDownwardAPI (a volume populated by information about the pod)", "Items:"]
    if volume.get("image") is not None:
        source = volume["image"]
        about = "Image (a container image or OCI artifact)"
        return [
            f"Type:\t{about}",
            f"Reference:\t{source.get('reference', '')}",
            f"PullPolicy:\t{source.get('pullPolicy', '')}",
        ]
    if volume.get("projected") is not None:
        return _projected(volume["projected"].get("sources") or ())
    for field, about, title, name in (
        ("secret", "Secret (a volume populated by a Secret)", "SecretName", "secretName"),
        ("configMap", "ConfigMap (a volume populated by a ConfigMap)", "Name", "name"),
    ):
        if volume.get(field) is not None:
            source = volume[field]
            optional = "true" if source.get("optional") else "false"
            return [f"Type:\t{about}", f"{title}:\t{source.get(name, '')}", f"Optional:\t{optional}"]
    return None


def _projected(sources: Sequence[Object]) -> list[str]:
    lines = ["Type:\tProjected (a volume that contains injected data from multiple sources)"]
    for source in sources:
        for field, title in (("secret", "SecretName"), ("configMap", "ConfigMapName")):
            if source.get(field) is not None:
                optional = "true" if source[field].get("optional") else "false"
                lines += [f"{title}:\t{source[field].get('name', '')}", f"Optional:\t{optional}"]
        if source.get("downwardAPI") is not None:
            lines.append("DownwardAPI:\ttrue")
        if source.get("serviceAccountToken") is not None:
            seconds = source["serviceAccountToken"].get("expirationSeconds", 3600)
            lines.append(f"TokenExpirationSeconds:\t{seconds}")
    return lines
