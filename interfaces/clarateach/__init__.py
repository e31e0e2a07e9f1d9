"""The ClaraTeach contract: workshops, their seats, and learners who join with a code.

Its routes, views, messages, errors and credentials live here; rules about workshops belong to the domain, and nothing
of another contract may be used. Errors are `{"error": {"code", "message"}}` (T03). A conflict is a 400, with a code of
its own (T05).
"""

from interfaces.clarateach import accounts, browser, files, join, registrations, terminal, workshops
from interfaces.clarateach.channels import CHANNELS
from interfaces.clarateach.errors import render
from interfaces.http.contract import Contract

CONTRACT = Contract(
    name="clarateach",
    routers=(
        workshops.router,
        join.router,
        registrations.router,
        accounts.router,
        files.router,
        terminal.router,
        browser.router,
    ),
    channels=CHANNELS,
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
    statuses={409: 400},
    any_origin=r"/vm/",
    deviations=(
        "Bodies have no `data` envelope, as in the document's own examples.",
        "All seats share the address of the server; the token selects the machine.",
        "Instructors need not sign in where only this machine can connect; elsewhere they must (`TENURE_PORTAL_AUTH`).",
        "A second registration does not show the access code again, since an e-mail address alone opens no seat.",
    ),
)
