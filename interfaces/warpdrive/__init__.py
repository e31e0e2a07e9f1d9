"""The Warpdrive contract: sessions on machines, guests who ask to join them; the credential is a key or its token.

Errors are `{"error": sentence, "code"?: word}` with the statuses 400, 401, 404 and 500 (W35): 403, 409 and 410 become
400, and the code says which it was. Nothing of another contract may stand here, nor a rule of the domain.
"""

from interfaces.http.contract import Contract
from interfaces.warpdrive import api_keys, approvals, sessions, streams, tokens
from interfaces.warpdrive.channels import CHANNELS
from interfaces.warpdrive.errors import render

CONTRACT = Contract(
    name="warpdrive",
    routers=(tokens.router, api_keys.router, sessions.router, approvals.router, streams.router),
    channels=CHANNELS,
    prefixes=("/sessions", "/sse/session", "/token", "/user/"),
    render=render,
    statuses={403: 400, 409: 400, 410: 400},
    any_origin=r"/(sessions|sse/session|token|user)(/|$)",
    deviations=(
        "Statuses that belong to HTTP itself stay as they are: 405 and 413.",
        "Too many requests are 429, and a part that does not answer is 503.",
        "`POST /token` answers `expires_in` beside `token`.",
        "`GET /sessions/{session_id}` answers `ssh` as well: how to log in.",
    ),
)
