"""What somebody may do with virtual machines (N06). It says nothing about their role in the place, nor that of it."""

from __future__ import annotations

from enum import StrEnum


class UserType(StrEnum):
    USER = "user"
    MODERATOR = "moderator"  # has no power of its own: the contract states none
    ADMINISTRATOR = "administrator"
