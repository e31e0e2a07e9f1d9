"""The stories of hosted sessions and their guests."""

from datetime import timedelta
from uuid import UUID

from domain.guest import Guest
from domain.hosted_session import HostedSession
from domain.unique_name import Alias
from tests.support.stories.workspaces import ANNA, BOB, INVITE, SNAPSHOT
from tests.support.story import T0, Story

HOSTED = UUID("00000000-0000-4000-8000-0000000000f1")
JOINER = UUID("00000000-0000-4000-8000-0000000000f2")
AGAIN = UUID("00000000-0000-4000-8000-0000000000f3")
T5 = T0 + timedelta(minutes=5)

unopened = Story(HostedSession)
OPENED = {"owner_id": ANNA, "workspace_id": SNAPSHOT, "alias": "brave-otter-42", "machine_id": "default"}
opened = unopened.given(HostedSession.Opened, **OPENED, region="local", no_join=False)
closed_to_all = unopened.given(HostedSession.Opened, **OPENED, region="local", no_join=True)
ended = opened.given(HostedSession.Ended, reason="it was deleted")
cleared = ended.given(HostedSession.Cleared)

unused_alias = Story(Alias)
taken_alias = unused_alias.given(Alias.Taken, session_id=HOSTED)
freed_alias = taken_alias.given(Alias.Freed)
retaken_alias = freed_alias.given(Alias.TakenAgain, session_id=SNAPSHOT)

stranger = Story(Guest)
ASKED = {"session_id": HOSTED, "owner_id": ANNA, "user_id": BOB, "hosted_in": "local", "joiner_id": JOINER, "until": T5}
waiting = stranger.given(Guest.Asked, **ASKED)
withdrawn = waiting.given(Guest.Withdrawn, joiner_id=JOINER)
timed_out = waiting.given(Guest.TimedOut, joiner_id=JOINER, at=T5)
rejected = waiting.given(Guest.Rejected, joiner_id=JOINER)
approved = waiting.given(Guest.Approved, joiner_id=JOINER, admission_id=INVITE, hosted_in="local")
not_installed = approved.given(Guest.NotInstalled, joiner_id=JOINER, reason="the name is taken", until=T5)
installed = approved.given(Guest.Installed, joiner_id=JOINER)
revoked = installed.given(Guest.Revoked, joiner_id=JOINER, hosted_in="local")
removed = revoked.given(Guest.Removed, joiner_id=JOINER)
waiting_again = withdrawn.given(Guest.AskedAgain, joiner_id=AGAIN, until=T5)
over = installed.given(Guest.Closed, joiner_id=JOINER)
