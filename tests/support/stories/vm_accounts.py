"""The stories of accounts for virtual machines, of who administers them, and of their settings."""

from domain.vm_account import VmAccount, VmAdministrators
from domain.vm_server import VmServer
from tests.support.stories.workspaces import ANNA, BOB, INVITE
from tests.support.story import Story

no_account = Story(VmAccount)
opened = no_account.given(VmAccount.Opened, owner_id=ANNA, number=7, user_type="user")
of_administrator = no_account.given(VmAccount.Opened, owner_id=ANNA, number=7, user_type="administrator")
promoted = opened.given(VmAccount.TypeChanged, user_type="administrator")
new_password = opened.given(VmAccount.PasswordChanged, kept_token_id=INVITE)
logged_out = opened.given(VmAccount.LoggedOut, token_id=INVITE)
banned = opened.given(VmAccount.Banned)
unbanned = banned.given(VmAccount.Unbanned)
closed = banned.given(VmAccount.Closed, everything=True)
forgotten = closed.given(VmAccount.Forgotten)

none_yet = Story(VmAdministrators).given(VmAdministrators.Founded)
alone = none_yet.given(VmAdministrators.Appointed, user_id=ANNA)
two = alone.given(VmAdministrators.Appointed, user_id=BOB)
alone_again = two.given(VmAdministrators.Dismissed, user_id=BOB)

as_it_comes = Story(VmServer).given(VmServer.Opened)
closed_to_strangers = as_it_comes.given(VmServer.Configured, changes={"registrations_open": False})
