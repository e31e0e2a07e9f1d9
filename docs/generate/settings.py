"""settings.md: every setting, as flag, variable and key of a TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, document, first_line, table
from infra.settings import Settings, explain
from infra.settings.errors import KEYS_IN_FILES, TABLES
from infra.settings.values import Form

INTRODUCTION = """
A setting has one name. It is the flag `--name` of `tenure up`, the variable `TENURE_NAME`, and the key `name` of a TOML
file. A flag wins over a variable of the environment, that over a line of `.env` in the working directory, that over the
file that `TENURE_CONFIG` or `--config` names, and that over the default. An empty variable counts as not set. Flags
and variables write a list with commas, and the empty list as `none`; TOML has lists of its own.

The variable `TENURE_NAME_FILE` names a file with the value, as Docker and Kubernetes hand secrets over:
`TENURE_SEALING_SECRET_FILE=/run/secrets/seal`. A line break at its end does not count. In `.env` it works, too.

`tenure config` prints each setting with the value in force and where it came from. A setting that cannot be used stops
the start with one sentence that names it.
"""
IN_TABLES = """
Three settings are tables. A TOML file writes them as the headings say. As a flag or a variable they are one JSON
object, in which each name has an object with the same keys.
"""
PYTHON_TYPES = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret text",
    Path: "path",
}


def page() -> str:
    defaults = {name: value for name, value, _ in explain(Settings())}
    parts = [INTRODUCTION]
    for group in groups():
        rows = [
            (code(f"TENURE_{name.upper()}"), type_of(field), default(name, defaults[name]), str(field.description))
            for name, field in Settings.model_fields.items()
            if name in vars(group)["__annotations__"] and name not in TABLES
        ]
        if rows:
            parts += [f"## {first_line(group.__doc__).rstrip('.')}"]
            parts += [table(("variable", "type", "default", "meaning"), rows)]
    parts += ["## Tables", IN_TABLES]
    for name, model in TABLES.items():
        about, flag = str(Settings.model_fields[name].description), f"--{name.replace('_', '-')}"
        parts += [f"### `[{KEYS_IN_FILES.get(name, name)}.NAME]`"]
        parts += [f"{about[:1].upper()}{about[1:]}. The flag is `{flag}`, the variable `TENURE_{name.upper()}`."]
        parts += [table(("key", "type", "default", "meaning"), keys(model))]
    return document("Settings", *parts)


def groups() -> list[type[Any]]:
    """The classes that settings are defined in, the most general one first."""
    fields = Settings.model_fields.keys()
    return [kind for kind in Settings.__mro__ if fields & vars(kind).get("__annotations__", {}).keys()]


def keys(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        start = "needed" if field.is_required() else code(written(field.default)) if field.default else "none"
        yield code(name), type_of(field), start, str(field.description or "")


def default(name: str, value: str) -> str:
    """The default as `tenure config` shows it, but without the home of whoever makes the page."""
    field = Settings.model_fields[name]
    if name == "home" or isinstance(field.default, int | float) and not isinstance(field.default, bool):
        value = written(field.default)
    return value if value == "none" else code(value)


def written(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def type_of(field: FieldInfo) -> str:
    """What a value of this setting looks like, for people."""
    text = described(field.annotation, field.metadata)
    return text[:1].upper() + text[1:]


def described(annotation: Any, metadata: list[Any]) -> str:
    if hasattr(annotation, "__metadata__"):
        annotation, *more = get_args(annotation)
        metadata = [*more, *metadata]
    for mark in flat(metadata):
        if isinstance(mark, Form):
            return mark.text
        if isinstance(mark, AfterValidator) and isinstance(mark.func, partial):  # url_of
            return "URL: " + ", ".join(code(f"{scheme}://") for scheme in mark.func.args[0])
    options = get_args(annotation)
    if get_origin(annotation) is Literal:
        return ", ".join(map(code, options))
    if get_origin(annotation) in (tuple, list):
        kind, _, limits = described(options[0], []).partition(", ")
        return f"list of {kind}s{limits and ', '}{limits}"
    if options and type(None) in options:
        return described(next(option for option in options if option is not type(None)), metadata)
    return f"{PYTHON_TYPES.get(annotation, 'text')}{bounds(flat(metadata))}"


def flat(metadata: list[Any]) -> list[Any]:
    """Marks, with those that pydantic's `Field` holds."""
    return [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


def bounds(metadata: list[Any]) -> str:
    """Such as ", from 1 to 3600"; empty where any value will do."""
    words = {"ge": "from", "gt": "over", "le": "to"}
    limits = [
        f"{word} {getattr(mark, name)}" for mark in metadata for name, word in words.items() if hasattr(mark, name)
    ]
    return f", {' '.join(limits)}" if limits else ""
