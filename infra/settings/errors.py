"""What is told about a setting that cannot be used: a sentence that names it as it was given."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from infra.settings.machines import MachineSetting, RegionSetting
from infra.settings.values import TemplateSetting, masked

IN_FILES = {"machine_configs": "machines"}
TABLES: dict[str, type[BaseModel]] = {
    "templates": TemplateSetting,
    "machine_configs": MachineSetting,
    "regions": RegionSetting,
}
WRONG: dict[str, str] = {
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
    "path_not_file": "must be a file that is there",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def sentence(bad: ValidationError, sources: dict[str, str], config: object, known: Iterable[str]) -> str:
    """What to tell people about the first thing that is wrong."""
    error = bad.errors()[0]
    if not error["loc"] and (across := str(error["ctx"]["error"])).startswith("regions."):
        return f"{across}."
    # A rule across settings names none; the only other one there is speaks of default_template.
    field, *rest = [str(part) for part in error["loc"]] or ["default_template"]
    inside = ".".join(part for part in rest if not part.isdecimal() and "[" not in part)
    variable = f"TENURE_{field.upper()}{inside and f': {inside}'}"
    named = {
        "flag": f"--{field.replace('_', '-')}",
        "environment": variable,
        ".env": f"{variable} (from .env)",
        "file": f"{IN_FILES.get(field, field)}{inside and f'.{inside}'} (from {config})",
    }.get(sources.get(field, "default"), field)
    if error["type"] == "extra_forbidden":
        known = TABLES[field].model_fields if inside else known
        close = difflib.get_close_matches(rest[-1] if inside else field, known, 1)
        return f"{named} is not a setting{f'; {close[0]} is' if close else ''}."
    wrong = WRONG.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    told = error["type"] != "missing" and error["loc"] and not isinstance(error["input"], dict)
    told = told and "secret" not in field
    given = f", not {masked(str(error['input']))!r}" if told else ""
    return f"{named} {wrong}{given}."
