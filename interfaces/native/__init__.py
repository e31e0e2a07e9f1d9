"""Tenure's own: the event stream, the audit trail, health, metrics and a page."""

from interfaces.native import audit, health, home, stream
from interfaces.serve import Contract, plain_error

CONTRACT = Contract(
    name="native",
    routers=(stream.router, audit.router, health.router, home.router),
    prefixes=("/",),
    render=plain_error,
)
