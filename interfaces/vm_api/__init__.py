"""The vm-api contract: workspaces under /api/v1, named by identity headers, errors as `{"error": sentence}` (V34)."""

from interfaces.http.contract import Contract, plain_error
from interfaces.vm_api import operations, workspaces

CONTRACT = Contract(
    name="vm-api",
    routers=(workspaces.router, operations.router),
    prefixes=("/api/v1",),
    render=plain_error,
)
