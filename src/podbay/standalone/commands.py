"""Which command line goes where: cluster life to this floor, kubectl's verbs to ``kubectl``.

Takes the words after ``podbay``; gives an exit code. Imports a command's modules only when it is asked for.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

_HELP: Final = """podbay: Kubernetes in Python, small, real and fast.

Clusters on this machine:
  up          Bring a cluster up (--nodes N, --name NAME, --oci-runtime runc|crun, --runtime-endpoint unix://...,
              --kubelet-config FILE, --audit-policy-file FILE, --audit-log-path FILE,
              --audit-log-maxsize MB, --audit-log-maxbackup N, --audit-log-maxage DAYS)
  down        Stop it and keep its state
  status      Tell how it is
  destroy     Remove it and everything of it
  kubeconfig  Print the path of its kubeconfig
  image       import FILE | pull NAME | list | remove NAME
  doctor      Look what this machine has and lacks

Parts on their own:
  server      The API server with store, scheduler, controllers and first node
  agent       Another node

Everything else is kubectl's: get, create, apply, describe, logs, exec, port-forward, ...
"""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    command = arguments[0] if arguments else "help"
    if command in ("help", "-h", "--help") and len(arguments) <= 1:
        sys.stdout.write(_HELP)
        return 0
    handler = _OWN.get(command)
    if handler is None:
        from podbay import kubectl

        return kubectl.run(arguments)
    from podbay.standalone.errors import ClusterError

    try:
        return handler(arguments[1:])
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parse(
    arguments: Sequence[str], *, options: Sequence[str] = ("name",), rest: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Return the options and the other words. Raises ClusterError for what is not known."""
    from podbay.standalone.errors import ClusterError

    found: dict[str, str] = {}
    others: list[str] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("--"):
            others.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name not in options:
            raise ClusterError(f"unknown flag: --{name}")
        found[name] = value if equals else next(words, "")
        if not found[name]:
            raise ClusterError(f"flag needs an argument: --{name}")
    if others and not rest:
        raise ClusterError(f"unexpected argument {others[0]!r}")
    return found, others


def _up(arguments: Sequence[str]) -> int:
    from podbay.standalone import auditing, life
    from podbay.standalone.cluster import DEFAULT, Cluster
    from podbay.standalone.errors import ClusterError

    known = ("name", "nodes", "oci-runtime", "runtime-endpoint", "kubelet-config", *auditing.FLAGS)
    options, _ = _parse(arguments, options=known)
    nodes = None
    if "nodes" in options:
        if not options["nodes"].isdigit() or not 1 <= int(options["nodes"]) <= 50:
            raise ClusterError("--nodes must be a number from 1 to 50")
        nodes = int(options["nodes"])
    if options.get("oci-runtime", "runc") not in ("runc", "crun"):
        raise ClusterError("--oci-runtime must be runc or crun")
    life.up(
        Cluster(options.get("name", DEFAULT)),
        nodes=nodes,
        oci_runtime=options.get("oci-runtime", ""),
        runtime_endpoint=options.get("runtime-endpoint", ""),
        kubelet_config=options.get("kubelet-config", ""),
        audit={name: value for name, value in options.items() if name in auditing.FLAGS},
        say=_say,
    )
    return 0


def _down(arguments: Sequence[str]) -> int:
    from podbay.standalone import life
    from podbay.standalone.cluster import DEFAULT, Cluster

    options, _ = _parse(arguments)
    life.down(Cluster(options.get("name", DEFAULT)), say=_say)
    return 0


def _status(arguments: Sequence[str]) -> int:
    from podbay.standalone.cluster import DEFAULT, Cluster
    from podbay.standalone.status import status

    options, _ = _parse(arguments)
    return status(Cluster(options.get("name", DEFAULT)), say=_say)


def _destroy(arguments: Sequence[str]) -> int:
    from podbay.standalone.cluster import DEFAULT, Cluster
    from podbay.standalone.destroy import destroy

    options, _ = _parse(arguments)
    destroy(Cluster(options.get("name", DEFAULT)), say=_say)
    return 0


def _kubeconfig(arguments: Sequence[str]) -> int:
    from podbay.standalone.cluster import DEFAULT, Cluster

    options, _ = _parse(arguments)
    cluster = Cluster(options.get("name", DEFAULT))
    cluster.settings()
    _say(str(cluster.kubeconfig))
    return 0


def _image(arguments: Sequence[str]) -> int:
    from podbay.standalone.cluster import DEFAULT, Cluster, ClusterError
    from podbay.standalone.images import commands

    options, words = _parse(arguments, rest=True)
    cluster = Cluster(options.get("name", DEFAULT))
    cluster.settings()
    match words:
        case ["import", *files] if files:
            for file in files:
                try:
                    commands.import_archive(cluster, file, say=_say)
                except OSError as error:
                    raise ClusterError(str(error)) from None
        case ["pull", *names] if names:
            commands.pull(cluster, names, say=_say)
        case ["list" | "ls"]:
            commands.list_images(cluster, say=_say)
        case ["remove" | "rm", *names] if names:
            commands.remove(cluster, names, say=_say)
        case _:
            raise ClusterError("usage: podbay image import FILE... | pull NAME... | list | remove NAME...")
    return 0


def _doctor(arguments: Sequence[str]) -> int:
    from podbay.standalone.doctor import examine

    _parse(arguments)
    return examine(_say)


def _server(arguments: Sequence[str]) -> int:
    import asyncio
    import logging

    from podbay.lib import system_certificates
    from podbay.standalone import machine, mounts
    from podbay.standalone.cluster import DEFAULT, Cluster
    from podbay.standalone.errors import ClusterError
    from podbay.store.errors import StoreUnavailable

    with system_certificates.unread():
        from podbay.standalone.server import run_server

    options, _ = _parse(arguments)
    machine.root()
    cluster = Cluster(options.get("name", DEFAULT))
    mounts.enter(cluster)
    _log_to_stderr(logging.INFO)
    try:
        asyncio.run(run_server(cluster))
    except StoreUnavailable as error:
        raise ClusterError(
            f"the store cannot be used: {error}; restore {cluster.store} from a copy, or remove the cluster with"
            f" `podbay destroy{cluster.flag}`"
        ) from None
    except OSError as error:
        raise ClusterError(str(error)) from None
    return 0


def _agent(arguments: Sequence[str]) -> int:
    import asyncio
    import logging

    from podbay.lib import system_certificates
    from podbay.standalone import machine, mounts
    from podbay.standalone.cluster import DEFAULT, Cluster
    from podbay.standalone.errors import ClusterError

    with system_certificates.unread():
        from podbay.standalone.server import run_agent

    options, _ = _parse(arguments, options=("name", "index"))
    index = options.get("index", "")
    if not index.isdigit() or int(index) < 2:
        raise ClusterError("an agent needs --index, the number of its node, from 2 on: the first node is the server's")
    machine.root()
    cluster = Cluster(options.get("name", DEFAULT))
    mounts.enter(cluster)
    _log_to_stderr(logging.INFO)
    try:
        asyncio.run(run_agent(cluster, int(index)))
    except OSError as error:
        raise ClusterError(str(error)) from None
    return 0


def _log_to_stderr(level: int) -> None:
    import logging

    logging.basicConfig(level=level, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", stream=sys.stderr)


_OWN: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "destroy": _destroy,
    "kubeconfig": _kubeconfig,
    "image": _image,
    "doctor": _doctor,
    "server": _server,
    "agent": _agent,
}
