"""The administrator's way into a cluster from the command line: one request at a time.

Takes a cluster; gives plain answers. Used while a cluster comes up, and to push images.
"""

import datetime as dt
import http.client
import json
import ssl
from typing import Any

from podbay.client.configuration import ClientConfig
from podbay.standalone.cluster import Cluster, ClusterError
from podbay.standalone.pki import Pki


class Admin:
    """A connection to a cluster's API server as its administrator."""

    def __init__(self, cluster: Cluster) -> None:
        self._port = cluster.settings().port
        pki = Pki(cluster.pki, dt.datetime.now(dt.UTC))
        pair = pki.client("admin", "kubernetes-admin", ["system:masters"])
        self.config: ClientConfig = pki.client_config(f"https://127.0.0.1:{self._port}", pair)
        self._tls: ssl.SSLContext = pki.client_context(pair)
        self._connection: http.client.HTTPSConnection | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = 60.0,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers in lower case, and body. Raises OSError."""
        for fresh in (False, True):
            if self._connection is None or fresh:
                self.close()
                self._connection = http.client.HTTPSConnection(
                    "127.0.0.1", self._port, context=self._tls, timeout=timeout_s
                )
            try:
                self._connection.request(method, path, body or None, headers or {})
                answer = self._connection.getresponse()
                data = answer.read()
                return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
            except (http.client.HTTPException, ConnectionResetError, BrokenPipeError):
                if fresh:
                    raise OSError("the API server closed the connection") from None
            except OSError:
                self.close()
                raise
        raise AssertionError("unreachable")

    def get(self, path: str) -> Any:
        """Return a JSON answer. Raises ClusterError for an error, OSError."""
        status, _, body = self.send("GET", path)
        if status >= 400:
            raise ClusterError(f"GET {path}: {status} {body.decode(errors='replace')[:300]}")
        return json.loads(body)

    def is_ready(self) -> bool:
        """Tell whether the API server says that it is ready."""
        try:
            return self.send("GET", "/readyz", timeout_s=2.0)[0] == 200
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
