"""The network of a node: the CNI configuration for its pods, masquerading, and the way between nodes.

Takes a node's place and its range of pod addresses; writes files, routes and rules. All of them carry the cluster's
hash, so that ``destroy`` finds and removes them.
Source: https://www.cni.dev/plugins/current/main/bridge/ ; nft(8).
"""

import contextlib
import ipaddress
import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from podbay.standalone.node_place import NodePlace

_FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


def run(*command: str, check: bool = True, text: str | None = None) -> str:
    """Run a system command and return its output. Raises ClusterError with what it said."""
    try:
        done = subprocess.run(list(command), input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} is not installed") from None
    if check and done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def cni_name(cluster: Cluster) -> str:
    """Return the name of the cluster's network, as CNI plugins keep it."""
    return f"podbay-{cluster.name}"


def write_cni(place: NodePlace, pod_cidr: str) -> None:
    """Write the configuration by which containerd gives pods their addresses."""
    configuration: dict[str, Any] = {
        "cniVersion": "0.4.0",
        "name": cni_name(place.cluster),
        "plugins": [
            {
                "type": "bridge",
                "bridge": place.bridge,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": pod_cidr}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(place.run / "addresses"),
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    target = place.run / "cni" / "10-podbay.conflist"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(configuration, indent=2))
    partial.replace(target)


def set_up_host(cluster: Cluster, cluster_cidr: str, node_cidr: str) -> None:
    """Let the host forward for pods, and hide their addresses from everybody else."""
    if _FORWARDING.read_text().strip() != "1":
        _FORWARDING.write_text("1")
    rules = f"""
table ip {cluster.table} {{}}
delete table ip {cluster.table}
table ip {cluster.table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {cluster_cidr} ip daddr != {cluster_cidr} ip daddr != {node_cidr} ip daddr != 224.0.0.0/4 masquerade
    ip saddr {node_cidr} ip daddr != {cluster_cidr} ip daddr != {node_cidr} masquerade
  }}
}}
"""
    run("nft", "-f", "-", text=rules)
    there = _forwarding_rules(cluster)
    for cidr in (cluster_cidr, node_cidr):
        for direction in ("-s", "-d"):
            rule = [direction, cidr, "-m", "comment", "--comment", cluster.table, "-j", "ACCEPT"]
            if ["-A", "FORWARD", *rule] not in there:
                run("iptables", "-w", "-I", "FORWARD", "1", *rule)


def _forwarding_rules(cluster: Cluster) -> list[list[str]]:
    """Return the rules that let this cluster's packets through, as iptables names them."""
    listed = [shlex.split(line) for line in run("iptables", "-w", "-S", "FORWARD", check=False).splitlines()]
    return [words for words in listed if cluster.table in words]


def tear_down_host(cluster: Cluster) -> None:
    """Remove rules, bridges, namespaces and links of a cluster, all of which carry its hash."""
    run("nft", "delete", "table", "ip", cluster.table, check=False)
    if shutil.which("iptables"):
        for rule in _forwarding_rules(cluster):
            run("iptables", "-w", "-D", *rule[1:], check=False)
        _remove_portmap_rules(cluster)
    links = json.loads(run("ip", "-j", "link", check=False) or "[]")
    for link in links:
        if cluster.hash in str(link.get("ifname", "")):
            run("ip", "link", "delete", link["ifname"], check=False)
    for line in run("ip", "netns", "list", check=False).splitlines():
        name = line.split()[0] if line.split() else ""
        if name.startswith(f"podbay-{cluster.hash}-"):
            run("ip", "netns", "delete", name, check=False)


def _remove_portmap_rules(cluster: Cluster) -> None:
    """Remove the chains that the portmap plugin makes for this cluster and leaves when it is killed."""
    listed = run("iptables-save", "-t", "nat", check=False)
    chains = {
        word
        for line in listed.splitlines()
        if f'name: \\"{cni_name(cluster)}\\"' in line
        for word in line.split()
        if word.startswith("CNI-DN-")
    }
    for line in listed.splitlines():
        words = line.split()
        if words[:1] == ["-A"] and chains & set(words[2:]):
            run("iptables", "-t", "nat", "-D", *shlex.split(line)[1:], check=False)
    for chain in chains:
        run("iptables", "-t", "nat", "-F", chain, check=False)
        run("iptables", "-t", "nat", "-X", chain, check=False)


def host_address() -> str:
    """Return the address by which the host reaches the world, or an empty text if it has no such way."""
    for route in json.loads(run("ip", "-j", "route", "show", "default", check=False) or "[]"):
        if route.get("prefsrc"):
            return str(route["prefsrc"])
        for link in json.loads(run("ip", "-j", "-4", "addr", "show", "dev", route["dev"], check=False) or "[]"):
            for address in link.get("addr_info", ()):
                return str(address["local"])
    return ""


def ensure_node_bridge(cluster: Cluster, node_cidr: str) -> str:
    """Make the bridge that joins the nodes; return the host's address on it."""
    network = ipaddress.ip_network(node_cidr)
    address = str(network[1])
    if cluster.node_bridge not in run("ip", "-o", "link", check=False):
        run("ip", "link", "add", cluster.node_bridge, "type", "bridge")
    run("ip", "address", "replace", f"{address}/{network.prefixlen}", "dev", cluster.node_bridge)
    run("ip", "link", "set", cluster.node_bridge, "up")
    return address


def node_address(node_cidr: str, index: int) -> str:
    """Return the address of a node that has a network namespace of its own."""
    return str(ipaddress.ip_network(node_cidr)[index])


def ensure_node_namespace(place: NodePlace, node_cidr: str) -> str:
    """Make a node's network namespace and its way to the host; return the node's address."""
    network = ipaddress.ip_network(node_cidr)
    address, gateway = node_address(node_cidr, place.index), str(network[1])
    known = [line.split()[0] for line in run("ip", "netns", "list", check=False).splitlines() if line.split()]
    if place.netns not in known:
        run("ip", "netns", "add", place.netns)
    inside = f"pv{place.cluster.hash}{place.index}"
    if inside not in run("ip", "-o", "link", check=False):
        run("ip", "link", "add", inside, "type", "veth", "peer", "name", "eth0", "netns", place.netns)
        run("ip", "link", "set", inside, "master", place.cluster.node_bridge)
    run("ip", "link", "set", inside, "up")
    run("ip", "-n", place.netns, "link", "set", "lo", "up")
    run("ip", "-n", place.netns, "address", "replace", f"{address}/{network.prefixlen}", "dev", "eth0")
    run("ip", "-n", place.netns, "link", "set", "eth0", "up")
    run("ip", "-n", place.netns, "route", "replace", "default", "via", gateway)
    return address


def route_to_node(pod_cidr: str, address: str) -> None:
    """Send a node's pod addresses to the node."""
    run("ip", "route", "replace", pod_cidr, "via", address)


def resolver() -> Mapping[str, list[str]]:
    """Return the host's real name servers, search domains and options: never a stub on loopback."""
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        found: dict[str, list[str]] = {"servers": [], "searches": [], "options": []}
        with contextlib.suppress(OSError):
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) < 2:
                    continue
                if words[0] == "nameserver" and not words[1].startswith("127.") and words[1] != "::1":
                    found["servers"].append(words[1])
                elif words[0] in ("search", "domain"):
                    found["searches"] = words[1:]
                elif words[0] == "options":
                    found["options"] += words[1:]
        if found["servers"]:
            return found
    return {"servers": [], "searches": [], "options": []}


def is_local(address: str) -> bool:
    """Tell whether an address is one of this machine's."""
    links = json.loads(run("ip", "-j", "-4", "addr", check=False) or "[]")
    return any(a.get("local") == address for link in links for a in link.get("addr_info", ()))


def own_address() -> str:
    """Return the address of ``eth0`` in the namespace that we are in. Raises ClusterError."""
    for link in json.loads(run("ip", "-j", "-4", "addr", "show", "dev", "eth0") or "[]"):
        for address in link.get("addr_info", ()):
            return str(address["local"])
    raise ClusterError("this network namespace has no address on eth0")


def gateway() -> str:
    """Return the default route's gateway. Raises ClusterError."""
    for route in json.loads(run("ip", "-j", "route", "show", "default") or "[]"):
        if route.get("gateway"):
            return str(route["gateway"])
    raise ClusterError("this network namespace has no default route")
