"""Tenure's own API: the event stream, the audit trail, machines, regions and orphans, keys, health, metrics, a page.

Whatever no outside contract describes stands here; rules of the domain do not.
"""

from interfaces.http.contract import Contract, plain_error
from interfaces.native import audit, docs, health, home, keys, machines, orphans, quotas, regions, stream, work
from interfaces.native.channels import CHANNELS

CONTRACT = Contract(
    name="native",
    routers=(
        stream.router,
        audit.router,
        health.router,
        home.router,
        docs.router,
        machines.router,
        regions.router,
        work.router,
        orphans.router,
        keys.router,
        keys.well_known,
        quotas.router,
    ),
    channels=CHANNELS,
    prefixes=("",),  # everything that no other contract describes, also targets that are no path, such as *
    render=plain_error,
    any_origin=r"/\.well-known/jwks\.json$",
)
MONITORING = Contract(name="monitoring", routers=(health.router,), prefixes=("",), render=plain_error)  # of a worker
