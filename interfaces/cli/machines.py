"""`tenure machines`: machine configurations, through the HTTP API. Administrators change them."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from interfaces.cli.catalogue import EntryName, ServerOptions, list_entries, put_entry, remove_entry, source
from interfaces.cli.credentials import Login, Url, User
from interfaces.cli.output import AsJson, show_json, table

PATH = "/api/v1/machines"


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """List the machine configurations."""
    entries = list_entries(ctx, PATH, ServerOptions(url, user, login))
    if as_json:
        show_json(entries)
        return
    rows = [
        (
            entry["name"],
            entry["image"],
            f"{entry['cpus']:g}",
            str(entry["memory_mb"]),
            str(entry["disk_mb"] or ""),
            entry["user"],
            source(entry),
        )
        for entry in entries
    ]
    table(("name", "image", "cpus", "memory MB", "disk MB", "user", "from"), rows)


def set_(
    ctx: typer.Context,
    name: EntryName,
    image: Annotated[str, typer.Option(help="the image's name, such as debian:12")],
    command: Annotated[
        str | None, typer.Option(help="the command to run, quoted as in a shell; none: the image's own")
    ] = None,
    cpus: float = 1.0,
    memory_mb: int = 1024,
    disk_mb: Annotated[int | None, typer.Option(help="the limit of the disk, where the engine can limit it")] = None,
    pids: Annotated[int, typer.Option(help="the limit of processes and threads")] = 512,
    port: Annotated[list[int] | None, typer.Option(help="a TCP port to publish; may be given again")] = None,
    account: Annotated[str, typer.Option(help="the account that people log in to")] = "tenure",
    url: Url = None,
    user: User = None,
    login: Login = None,
) -> None:
    """Add a machine configuration, or change it for machines that are requested from now on."""
    body = {
        "image": image,
        "command": None if command is None else shlex.split(command),
        "cpus": cpus,
        "memory_mb": memory_mb,
        "disk_mb": disk_mb,
        "pids": pids,
        "ports": port or [],
        "user": account,
    }
    put_entry(ctx, PATH, name, body, ServerOptions(url, user, login), f"machines can be made from {name}")


def rm(ctx: typer.Context, name: EntryName, url: Url = None, user: User = None, login: Login = None) -> None:
    """Remove a machine configuration. Machines that were made from it stay."""
    remove_entry(
        ctx, PATH, name, ServerOptions(url, user, login), f"{name} is removed; machines that were made from it stay"
    )
