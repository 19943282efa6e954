"""The administrator's way into a cluster from the command line: one request at a time.

Takes a cluster, whose server made the certificate; gives plain answers. Used while a cluster comes up, and to push
images.
"""

import http.client
import json
from typing import Any

from podbay.client.configuration import ClientConfig
from podbay.standalone.cluster import Cluster
from podbay.standalone.credentials import Credentials
from podbay.standalone.errors import ClusterError

NAME = "admin"


class Admin:
    """A connection to a cluster's API server as its administrator."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._port = cluster.settings().port
        self._connection: http.client.HTTPSConnection | None = None

    def config(self) -> ClientConfig:
        """Return how to reach the server as its administrator. Raises ClusterError if that cannot be read."""
        try:
            credentials = Credentials(self._cluster.node(1).ca)
            return credentials.client_config(f"https://127.0.0.1:{self._port}", self._cluster.pair(NAME))
        except PermissionError as error:
            raise ClusterError(f"{error.filename} cannot be read: run podbay with sudo") from None
        except OSError as error:
            hint = f"start the cluster with `podbay up{self._cluster.flag}`"
            raise ClusterError(f"the administrator's certificate is not there ({error}): {hint}") from None

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = 60.0,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers in lower case, and body. Raises ClusterError, OSError."""
        for fresh in (False, True):
            if self._connection is None or fresh:
                self.close()
                self._connection = http.client.HTTPSConnection(
                    "127.0.0.1", self._port, context=self.config().tls_context(), timeout=timeout_s
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
        except (ClusterError, OSError):
            return False

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
