"""CREATE of tokenreviews and selfsubjectreviews: whose a token is, and who asks.

Takes a call with a review in its body; gives it back with an answer. Nothing is stored.
Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/ and
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/
"""

from typing import Any

from podbay.api.errors import BadRequest
from podbay.apiserver.tokens.authenticator import AUDIENCES, TokenAuthenticator
from podbay.apiserver.tokens.claims import TokenProblem
from podbay.apiserver.verbs.call import Call, decode_body, respond
from podbay.wire import json
from podbay.wire.http import Response
from podbay.wire.times import format_time


async def review_token(call: Call, tokens: TokenAuthenticator) -> Response:
    """Tell whose a token is, and for which of the audiences that ask. Raises BadRequest."""
    review, warnings = decode_body(call, call.resource)
    token = review["spec"].get("token")
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    await call.objects.fresh()
    status: dict[str, Any]
    try:
        found = tokens.authenticate(token, review["spec"].get("audiences") or AUDIENCES)
    except TokenProblem as problem:
        status = {"user": {}, "error": str(problem)}
    else:
        status = {
            "authenticated": True,
            "user": found.identity.as_user_info(),
            "audiences": list(found.audiences),
        }
    return respond(call, json.encode({**review, "status": status}), status=201, warnings=warnings)


async def review_self(call: Call) -> Response:
    """Tell who asks."""
    review, warnings = decode_body(call, call.resource)
    metadata = {**review["metadata"], "creationTimestamp": format_time(call.clock.now())}
    status = {"userInfo": call.identity.as_user_info()}
    return respond(call, json.encode({**review, "metadata": metadata, "status": status}), status=201, warnings=warnings)
