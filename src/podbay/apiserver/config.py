"""What an API server is told: who may come in by token, which version it says it is, how to reach kubelets,
which certificate its clients trust, and what is written of requests.

Made by ``standalone`` and by tests.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podbay.apiserver.audit.record import Auditor
from podbay.apiserver.identity import Identity
from podbay.apiserver.policies import Policy
from podbay.apiserver.tokens.keys import SigningKey
from podbay.wire.http import Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServerConfig:
    """See the module. ``kubelet_tls`` makes the context with which kubelets are called, afresh when it renews.

    Without ``token_key`` tokens count until the server ends.
    """

    tokens: Mapping[str, Identity] = field(default_factory=dict)
    policies: Callable[[], Sequence[Policy]] = tuple
    minor: str = "33"
    git_version: str = "v1.33.1+podbay"
    address: str = "127.0.0.1:6443"
    kubelet_tls: Callable[[], ssl.SSLContext] | None = None
    root_ca: str = ""
    token_key: SigningKey | None = None
    registry: Handler | None = None
    auditor: Auditor | None = None
