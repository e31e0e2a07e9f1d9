"""The ClaraTeach contract: workshops, their seats, and who joins them with a code.

Errors are `{"error": {"code", "message"}}` (T03). A conflict is a 400 here, and its code says which (T05).
"""

from interfaces.clarateach import accounts, browser, files, join, terminal, workshops
from interfaces.clarateach import registrations as registering
from interfaces.clarateach.errors import render
from interfaces.http.contract import Contract

CONTRACT = Contract(
    name="clarateach",
    routers=(
        workshops.router,
        join.router,
        registering.router,
        accounts.router,
        files.router,
        terminal.router,
        browser.router,
    ),
    prefixes=(
        "/api/workshops",
        "/api/join",
        "/api/register",
        "/api/session/",
        "/api/auth/register",
        "/api/auth/login",
        "/vm/",
    ),
    render=render,
    files=r"/vm/[^/]+/files/",
    statuses={409: 400, 410: 404},
    deviations=(
        "Bodies have no `data` envelope, as in the document's own examples.",
        "All seats share one address, that of the server; a token says which machine is meant.",
        "Instructors need no sign-in where only this machine can ask; elsewhere they do (`TENURE_PORTAL_AUTH`).",
        "Who registers twice does not see the access code again, since an e-mail address alone must not open a seat.",
    ),
)
