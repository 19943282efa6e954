"""The variables by which containers find the API server: those of the service ``kubernetes``.

Pure. Takes where pods reach it; gives names and values. They are there whatever ``enableServiceLinks`` says, which is
about the other services.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables ; upstream's
``pkg/kubelet/envvars``.
"""


def service_environment(host: str, port: int) -> dict[str, str]:
    """Return the variables; none if pods do not reach the API server."""
    if not host:
        return {}
    shown = f"[{host}]" if ":" in host else host
    link = f"tcp://{shown}:{port}"
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": str(port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
        "KUBERNETES_PORT": link,
        f"KUBERNETES_PORT_{port}_TCP": link,
        f"KUBERNETES_PORT_{port}_TCP_PROTO": "tcp",
        f"KUBERNETES_PORT_{port}_TCP_PORT": str(port),
        f"KUBERNETES_PORT_{port}_TCP_ADDR": host,
    }
