"""The CHROTE contract: people, invites, shared terminals and their claims. Its credential is a cookie.

Endpoints, views, messages and errors of this contract live here; rules about who may do what do not: those are
commands of `application`.

Errors are `{"error": CODE, "message": sentence, "details": {}}` (C61).
"""

from interfaces.chrote import auth, claims, invites, sessions, socket, terminal, terminal_socket, tmux, users
from interfaces.chrote.channels import CHANNELS
from interfaces.chrote.errors import render
from interfaces.http.contract import Contract

CONTRACT = Contract(
    name="chrote",
    routers=(
        auth.router,
        auth.api_router,
        users.router,
        invites.router,
        claims.router,
        sessions.router,
        tmux.router,
        terminal.router,
        socket.router,
        terminal_socket.router,
    ),
    channels=CHANNELS,
    prefixes=(
        "/auth",
        "/api/auth",
        "/api/users",
        "/api/invites",
        "/invite",
        "/api/sessions",
        "/api/tmux",
        "/api/terminal",
        "/ws",
    ),
    render=render,
    deviations=(
        "`/ws` begins with the messages `connected` and `sessions`.",
        "Too many wrong tokens are 429.",
        "A new invite is answered with 201.",
        "Everything under `/auth` is at `/api/auth`, too.",
    ),
)
