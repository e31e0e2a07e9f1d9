"""Process managers: pure functions from an event to the work that follows from it, one page each.

Nothing is awaited here, and no aggregate is loaded: `Do` and `Done` are all they say.
"""

from application.processes import (
    claim_expiry,
    guest_admission,
    invite_expiry,
    key_revocation,
    orphan_removal,
    parked_work,
    user_removal,
    vm_account_removal,
    vm_life,
    workshop_life,
    workspace_life,
)

PROCESSES = (
    workspace_life.react,
    orphan_removal.react,
    invite_expiry.react,
    user_removal.react,
    claim_expiry.react,
    guest_admission.react,
    key_revocation.react,
    workshop_life.react,
    vm_account_removal.react,
    vm_life.react,
    parked_work.react,
)
