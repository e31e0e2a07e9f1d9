"""The types of VM accounts (N06). They are independent of the roles of members."""

from __future__ import annotations

from enum import StrEnum


class UserType(StrEnum):
    USER = "user"
    MODERATOR = "moderator"  # may do what a user may do: the contract gives moderators no more
    ADMINISTRATOR = "administrator"
