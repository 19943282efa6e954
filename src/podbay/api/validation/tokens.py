"""Rules of token requests. Takes a defaulted request; gives causes.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.validation.field_errors import invalid

LEAST_TOKEN_S: Final = 600
MOST_TOKEN_S: Final = 2**32


def validate_token_request(request: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a request for a token."""
    return token_life_problems(request["spec"]["expirationSeconds"], "spec.expirationSeconds")


def token_life_problems(seconds: int, path: str) -> list[Cause]:
    """Return what is wrong with how long a token shall last."""
    if seconds < LEAST_TOKEN_S:
        return [invalid(path, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > MOST_TOKEN_S:
        return [invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []
