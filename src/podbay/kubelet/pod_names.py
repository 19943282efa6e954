"""A pod's names: its host name, its domain, its hosts file, and where its processes ask for other names.

Pure. Takes a pod and what the node has; gives what the sandbox is made with.
Invariant: a resolver has no more than what the C library reads, and what is left out is told.
Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.cri.runtime import DnsConfig

Object = Mapping[str, Any]

_HOSTNAME_MOST: Final = 63
_KERNEL_MOST: Final = 64
_SERVERS_MOST: Final = 3
_SEARCHES_MOST: Final = 32
_SEARCH_LETTERS_MOST: Final = 2048
_LOCAL: Final = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)


class NameTooLong(OSError):
    """A full name that the kernel cannot take as a host's."""


def hostname_of(pod: Object) -> str:
    """Return the pod's host name: its own choice or its name, cut to what a label may be."""
    name = str(pod["spec"].get("hostname") or pod["metadata"]["name"])
    return name[:_HOSTNAME_MOST].rstrip("-.")


def domain_of(pod: Object, cluster_domain: str) -> str:
    """Return the domain that the host name is in, or nothing."""
    subdomain = pod["spec"].get("subdomain")
    return f"{subdomain}.{pod['metadata']['namespace']}.svc.{cluster_domain}" if subdomain else ""


def kernel_hostname(pod: Object, cluster_domain: str) -> str:
    """Return what ``hostname`` says in the pod. Raises NameTooLong."""
    hostname, domain = hostname_of(pod), domain_of(pod, cluster_domain)
    if not domain or not pod["spec"].get("setHostnameAsFQDN"):
        return hostname
    full = f"{hostname}.{domain}"
    if len(full) > _KERNEL_MOST:
        metadata = pod["metadata"]
        whose = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        raise NameTooLong(
            f'failed to generate sandbox config for pod "{whose}": '
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long"
            f" ({_KERNEL_MOST} characters is the max, {len(full)} characters requested)"
        )
    return full


def hosts_file(pod: Object, ips: Sequence[str], cluster_domain: str, of_host: str | None) -> str:
    """Return the pod's hosts file; ``of_host`` is the node's own, for pods in its network."""
    if of_host is not None:
        text = f"# Kubernetes-managed hosts file (host network).\n{of_host}"
    else:
        hostname, domain = hostname_of(pod), domain_of(pod, cluster_domain)
        names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
        lines = ["# Kubernetes-managed hosts file.", *_LOCAL, *(f"{ip}\t{names}" for ip in ips)]
        text = "\n".join(lines) + "\n"
    aliases = pod["spec"].get("hostAliases") or ()
    if aliases:
        entries = ["\t".join([alias["ip"], *(alias.get("hostnames") or ())]) for alias in aliases]
        text += "\n# Entries added by HostAliases.\n" + "\n".join(entries) + "\n"
    return text


def pod_resolver(pod: Object, of_node: DnsConfig) -> tuple[DnsConfig, tuple[str, ...]]:
    """Return the pod's resolver, and what to tell about what was left out of it.

    There is no DNS of the cluster: ``ClusterFirst`` is the node's own, as upstream has it without one.
    """
    spec = pod["spec"]
    base = DnsConfig() if spec.get("dnsPolicy") == "None" else of_node
    own = spec.get("dnsConfig") or {}
    servers = _merged(base.servers, own.get("nameservers"))
    searches = _merged(base.searches, own.get("searches"))
    told = []
    if len(servers) > _SERVERS_MOST:
        servers = servers[:_SERVERS_MOST]
        told.append(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
            + " ".join(servers)
        )
    fitting = _fitting(searches)
    if fitting != searches:
        searches = fitting
        told.append(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
            + " ".join(searches)
        )
    if base is of_node and not own and not told:
        return of_node, ()
    found = DnsConfig(servers=tuple(servers), searches=tuple(searches), options=tuple(_options(base, own)))
    return found, tuple(told)


def _merged(base: Sequence[str], own: Sequence[str] | None) -> list[str]:
    return list(dict.fromkeys([*base, *(own or ())]))


def _fitting(searches: list[str]) -> list[str]:
    found = searches[:_SEARCHES_MOST]
    while len(" ".join(found)) > _SEARCH_LETTERS_MOST:
        found = found[:-1]
    return found


def _options(base: DnsConfig, own: Object) -> list[str]:
    """Return the options: the pod's value of one wins."""
    values: dict[str, str | None] = {}
    for option in base.options:
        name, colon, value = option.partition(":")
        values[name] = value if colon else None
    for entry in own.get("options") or ():
        values[entry["name"]] = entry.get("value")
    return [name if value is None else f"{name}:{value}" for name, value in values.items()]
