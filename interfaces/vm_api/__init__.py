"""The vm-api contract: workspaces under /api/v1, identity headers, errors as `{"error": sentence}` (V34).

Nothing of another contract may stand here, nor a rule of the domain: an endpoint parses, asks and presents.
"""

from interfaces.http.contract import Contract, plain_error
from interfaces.vm_api import operations, workspaces

CONTRACT = Contract(
    name="vm-api",
    routers=(workspaces.router, operations.router),
    prefixes=("/api/v1",),
    render=plain_error,
    deviations=(
        "PostgreSQL holds the data, not SQLite.",
        "The intervals of provisioner and janitor are upper bounds: work starts at once.",
        "A request that makes no sense is 400, and a state that does not allow it 409.",
        "A body or header that is too large is 413 or 431, and a part that does not answer 503.",
        "Identity headers count from the addresses in `TENURE_TRUSTED_PROXIES` only.",
    ),
)
