"""Writes the sentence about a setting that cannot be used. It names the setting as the user wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from infra.settings.machines import MachineSetting, RegionSetting
from infra.settings.values import TemplateSetting, mask_passwords

KEYS_IN_FILES = {"machine_configs": "machines"}
TABLES: dict[str, type[BaseModel]] = {
    "templates": TemplateSetting,
    "machine_configs": MachineSetting,
    "regions": RegionSetting,
}
MESSAGES: dict[str, str] = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
    "string_pattern_mismatch": "must be a word of small letters, digits and hyphens",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "missing": "must be given",
    "path_type": "must be a path",
    "path_not_file": "must be an existing file",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


class BadSetting(Exception):
    """A setting cannot be used. The message is a sentence: which setting, where from, and what it should be."""


def error_sentence(
    validation: ValidationError, sources: dict[str, str], config: object, settings: Iterable[str]
) -> str:
    """Return one sentence about the first error: which setting, where from, and what it should be.

    `sources` says where each setting is from, `config` is the path of the TOML file, `settings` are all names.
    """
    error = validation.errors()[0]
    if not error["loc"] and (message := str(error["ctx"]["error"])).startswith("regions."):
        return f"{message}."
    # A rule across several settings has no location. The only other one is about default_template.
    field, *rest = [str(part) for part in error["loc"]] or ["default_template"]
    inside = ".".join(part for part in rest if not part.isdecimal() and "[" not in part)
    variable = f"TENURE_{field.upper()}{inside and f': {inside}'}"
    name = {
        "flag": f"--{field.replace('_', '-')}",
        "environment": variable,
        ".env": f"{variable} (from .env)",
        "file": f"{KEYS_IN_FILES.get(field, field)}{inside and f'.{inside}'} (from {config})",
    }.get(sources.get(field, "default"), field)
    if error["type"] == "extra_forbidden":
        candidates = TABLES[field].model_fields if inside else settings
        close = difflib.get_close_matches(rest[-1] if inside else field, candidates, 1)
        return f"{name} is not a setting{f'; {close[0]} is' if close else ''}."
    message = MESSAGES.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    shows_value = error["type"] != "missing" and error["loc"] and not isinstance(error["input"], dict)
    shows_value = shows_value and not field.endswith(("_secret", "_token"))
    value = f", not {_without_secrets(str(error['input']))!r}" if shows_value else ""
    return f"{name} {message}{value}."


def _without_secrets(text: str) -> str:
    """The value that a setting cannot have. Before an @ may be a password, also where no scheme makes this a URL."""
    return mask_passwords(text) if "://" in text or "@" not in text else f"***@{text.rpartition('@')[2]}"
