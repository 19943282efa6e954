"""OpenID Connect discovery: who issues tokens, and by which keys others can check them.

Takes a path; gives a document, or None. Source: https://kubernetes.io/docs/tasks/configure-pod-container/
configure-service-account/#service-account-issuer-discovery ; OpenID Connect Discovery 1.0
"""

from typing import Final

from podbay.apiserver.tokens.claims import ISSUER
from podbay.apiserver.tokens.keys import SigningKey
from podbay.wire import json
from podbay.wire.http import JSON, Response

CONFIGURATION: Final = "/.well-known/openid-configuration"
KEYS: Final = "/openid/v1/jwks"
_MEDIA: Final = "application/jwk-set+json"
_CACHED: Final = ("Cache-Control", "public, max-age=3600")


def answer(path: str, key: SigningKey, address: str) -> Response | None:
    """Return what is at a path. ``address`` is the server's, as others reach it."""
    if path.rstrip("/") == CONFIGURATION:
        document = {
            "issuer": ISSUER,
            "jwks_uri": f"https://{address}{KEYS}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [key.algorithm],
        }
        return Response(status=200, headers=[("Content-Type", JSON), _CACHED], body=json.encode(document))
    if path.rstrip("/") == KEYS:
        body = json.encode({"keys": [key.web_key()]})
        return Response(status=200, headers=[("Content-Type", _MEDIA), _CACHED], body=body)
    return None
