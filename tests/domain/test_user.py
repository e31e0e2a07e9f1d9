"""Who may change and remove whom."""

from __future__ import annotations

import pytest

from domain.errors import Invalid, NotAllowed, NotFound
from domain.role import Role
from domain.user import Place, User
from tests.support.stories.workspaces import ANNA, admin, forgotten, owner, promoted, removed, viewer
from tests.support.story import SUBJECT, T0, Story

BY_OWNER = {"by": ANNA, "actor_role": Role.OWNER, "now": T0}
BY_ADMIN = {"by": ANNA, "actor_role": Role.ADMIN, "now": T0}


@pytest.mark.parametrize("fields", [BY_OWNER, BY_ADMIN])
def test_admins_and_the_owner_give_roles_to_those_below(fields: dict[str, object]) -> None:
    viewer.when(User.change_role, "operator", **fields).then(User.RoleChanged, role="operator")
    viewer.when(User.change_role, "admin", **fields).then(User.RoleChanged, role="admin")
    promoted.when(User.change_role, "viewer", **fields).then(User.RoleChanged, role="viewer")
    viewer.when(User.change_role, "viewer", **fields).nothing()
    viewer.when(User.remove, **fields).then(User.Removed)


def test_admins_are_for_the_owner_to_change() -> None:
    admin.when(User.change_role, "viewer", **BY_ADMIN).refused(NotAllowed, "Admins cannot modify other admins")
    admin.when(User.remove, **BY_ADMIN).refused(NotAllowed, "Admins cannot modify other admins")
    admin.when(User.change_role, "viewer", **BY_OWNER).then(User.RoleChanged, role="viewer")
    admin.when(User.remove, **BY_OWNER).then(User.Removed)


@pytest.mark.parametrize("fields", [BY_OWNER, BY_ADMIN])
def test_the_owner_stays_the_owner(fields: dict[str, object]) -> None:
    owner.when(User.change_role, "viewer", **fields).refused(NotAllowed)
    owner.when(User.remove, **fields).refused(NotAllowed)
    viewer.when(User.change_role, "owner", **fields).refused(NotAllowed)


@pytest.mark.parametrize("story", [owner, admin])
def test_nobody_changes_or_removes_themselves(story: Story) -> None:
    oneself = {"by": SUBJECT, "actor_role": story.state.role, "now": T0}
    story.when(User.change_role, "viewer", **oneself).refused(NotAllowed, "your own role")
    story.when(User.remove, **oneself).refused(NotAllowed, "yourself")


@pytest.mark.parametrize("story", [owner, admin, viewer])
def test_everybody_may_leave_with_their_account_once(story: Story) -> None:
    story.when(User.leave, T0).then(User.Removed)
    removed.when(User.leave, T0).nothing()


def test_a_role_is_one_that_there_is() -> None:
    viewer.when(User.change_role, "king", **BY_OWNER).refused(Invalid)


def test_who_was_removed_is_not_there_any_more() -> None:
    removed.when(User.change_role, "admin", **BY_OWNER).refused(NotFound)
    removed.when(User.remove, **BY_OWNER).refused(NotFound)


def test_an_invite_raises_and_never_lowers() -> None:
    viewer.when(User.raise_to, Role.OPERATOR, T0).then(User.RoleChanged, role="operator")
    admin.when(User.raise_to, Role.OPERATOR, T0).nothing()
    owner.when(User.raise_to, Role.ADMIN, T0).nothing()


def test_what_named_them_goes_once_and_only_after_they_went() -> None:
    removed.when(User.forget, T0).then(User.Forgotten)
    forgotten.when(User.forget, T0).nothing()
    viewer.when(User.forget, T0).nothing()


def test_there_is_one_place() -> None:
    assert Place.id_of() == Place.id_of()
