"""The Neptuned contract: virtual machines, and accounts with a password. Errors are `{"error": "…"}`.

Endpoints, views and messages of this contract live here; rules about who may do what do not: those are commands of
`application`.
"""

from interfaces.http.contract import Contract, plain_error
from interfaces.neptuned import accounts, config, connect, history, public, users, vms
from interfaces.neptuned.channels import CHANNELS
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
    channels=CHANNELS,
    prefixes=(BASE,),
    render=plain_error,
    any_origin=rf"{BASE}/",
    deviations=(
        "Login also takes `password`, and entries carry `username`, where the document is silent.",
        "A machine that stopped without a request carries `error`.",
        "A cdrom may have an image, limits may be left out, and a machine has at most one cpu and one display.",
        "A configuration does not say which system runs inside, so `os.kind` is `other`.",
        "Chat is not implemented; only its limits are stored.",
    ),
)
