"""The Neptuned contract: virtual machines, and accounts by password. Errors are `{"error": "…"}`."""

from interfaces.http.contract import Contract, plain_error
from interfaces.neptuned import accounts, config, connect, history, public, users, vms
from interfaces.neptuned.credentials import BASE

CONTRACT = Contract(
    name="neptuned",
    routers=(
        accounts.router,
        config.router,
        users.router,
        vms.router,
        history.router,
        public.router,
        connect.router,
    ),
    prefixes=(BASE,),
    render=plain_error,
)
