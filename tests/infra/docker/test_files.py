"""`Files` of Docker and of local machines: every operation, and none of it outside the workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.errors import Unavailable
from domain.errors import Invalid, NotAllowed, NotFound, Refused
from domain.workspace_path import below_root
from tests.support.engines import TEMPLATE, DockerEngine, opened
from tests.support.workspace_files import House


@pytest.fixture(params=["docker", "local"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(request.param, tmp_path) as engine:
        id = uuid4()
        await engine.machines.ensure_running(id, TEMPLATE)
        outside = "/tmp/outside" if isinstance(engine, DockerEngine) else str(tmp_path / "outside")
        house = House(engine, id, outside)
        await house.sh("mkdir -p $O/d; printf secret >$O/secret; printf secret >$O/d/secret")
        yield house


async def untouched(house: House) -> bool:
    return await house.sh("cd $O; find . | sort; cat secret d/secret") == ".\n./d\n./d/secret\n./secret\nsecretsecret"


async def test_what_is_written_is_read(house: House) -> None:
    await house.write("a b/ü/c.txt", b"gr", "üße\n".encode())
    assert await house.read("a b/ü/c.txt") == (True, "grüße\n".encode())
    assert await house.sh("cat 'a b/ü/c.txt'; stat -c %a 'a b/ü/c.txt'") == "grüße\n644\n"
    await house.write("a b/ü/c.txt", b"")
    assert await house.read("a b/ü/c.txt") == (True, b"")
    assert list(await house.names("a b/ü")) == ["c.txt"]


async def test_a_file_that_is_written_again_keeps_its_mode(house: House) -> None:
    await house.sh("printf '#!/bin/sh\n' >run; chmod 751 run")
    await house.write("run", b"#!/bin/sh\necho ran\n")
    assert await house.sh("./run; stat -c %a run") == "ran\n751\n"


async def test_a_directory_is_listed(house: House) -> None:
    await house.sh("rm -rf .[a-z]*; mkdir dir; printf 12345 >file; touch -d 2024-01-15T10:30:00Z file; ln -s dir link")
    await house.sh("ln -s /etc etc; ln -s nowhere dangling; mkfifo fifo; printf x >'new\nline'")
    entries = await house.names()
    assert entries["file"].size == 5 and not entries["file"].is_directory
    assert entries["file"].modified_at.isoformat() == "2024-01-15T10:30:00+00:00"
    directories = {name for name, entry in entries.items() if entry.is_directory}
    assert directories == {"dir", "link"}
    assert entries.keys() == {"dir", "file", "link", "etc", "dangling", "fifo", "new\nline"}
    assert await house.names("dir") == {}
    with pytest.raises(Invalid):
        await house.names("file")


async def test_what_is_deleted_is_gone(house: House) -> None:
    await house.sh("mkdir -p a/b/c; printf x >a/b/c/f; ln -s $O a/out; ln -s a/b within; mkfifo a/p; touch -- -rf")
    await house.delete("within")
    assert (await house.sh("ls a/b")) == "c\n"
    await house.delete("a")
    await house.delete("-rf")
    assert await house.sh("ls -a | grep -v '^[.]'; true") == ""
    assert await untouched(house)
    with pytest.raises(NotFound):
        await house.delete("a")
    with pytest.raises(NotAllowed):
        await house.delete("")


async def test_what_is_not_there_is_not_found(house: House) -> None:
    await house.write("file", b"x")
    for path in ("missing", "missing/deeper", "file/deeper"):
        for ask in (house.read(path), house.delete(path), house.names(path)):
            with pytest.raises(NotFound):
                await ask


async def test_a_directory_is_neither_read_nor_written(house: House) -> None:
    await house.sh("mkdir dir")
    for path in ("dir", ""):
        for ask in (house.read(path), house.write(path, b"x")):
            with pytest.raises(Invalid):
                await ask
    assert await house.names("dir") == {}


LINKS = {
    "to the outside": ("ln -s $O/secret x", "x"),
    "to a directory outside": ("ln -s $O x", "x"),
    "through a directory outside": ("ln -s $O x", "x/secret"),
    "to what would be new outside": ("ln -s $O/new x", "x"),
    "below a directory outside": ("ln -s $O x", "x/new/deep"),
    "upwards": ("ln -s ../../../../../../../../../$O/secret x", "x"),
    "upwards through a directory": ("mkdir d; ln -s ../.. d/x", "d/x/tmp/secret"),
    "by way of another": ("ln -s y x; ln -s $O/d y", "x/secret"),
    "to the system's root": ("ln -s / x", "x/etc/passwd"),
    "to a process's own": ("ln -s /proc/self/cwd x", "x"),
    "to a device": ("ln -s /dev/zero x", "x"),
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
async def test_a_link_that_leaves_leads_nowhere(house: House, link: tuple[str, str]) -> None:
    script, path = link
    await house.sh(script)
    for ask in house.everything(path)[:-1]:
        with pytest.raises(NotAllowed):
            await ask()  # type: ignore[misc]
    if "/" in path:  # else the link itself would be deleted
        with pytest.raises(NotAllowed):
            await house.delete(path)
    assert await untouched(house)


async def test_a_link_that_stays_is_followed(house: House) -> None:
    await house.sh("mkdir -p a/b; printf in >a/b/f; ln -s a/b x; ln -s ../../a/b/f a/b/g; ln -s /workspace/a abs")
    assert (await house.read("x/f"))[1] == (await house.read("a/b/g"))[1] == (await house.read("abs/b/g"))[1] == b"in"
    await house.write("x/g", b"new")
    assert await house.sh("cat a/b/f; readlink a/b/g") == "new../../a/b/f\n"
    await house.sh("ln -s l1 l2; ln -s l2 l1")
    with pytest.raises(Invalid):
        await house.read("l1")


SOCKET = "perl -MSocket -e 'socket S, PF_UNIX, SOCK_STREAM, 0; bind S, sockaddr_un(q(x)) or die $!'"


@pytest.mark.parametrize("kind", ["mkfifo x", SOCKET], ids=["fifo", "socket"])
@pytest.mark.fault("F71")
async def test_what_is_no_file_is_neither_read_nor_written_and_can_be_deleted(house: House, kind: str) -> None:
    await house.sh(kind)
    for ask in (house.read("x"), house.write("x", b"y")):
        async with asyncio.timeout(20):
            with pytest.raises(NotAllowed):
                await ask
    assert await house.sh("test -e x && echo there") == "there\n"
    await house.delete("x")
    assert not await visible(house)


async def visible(house: House) -> set[str]:
    """The names in the workspace, without the files that the image brings."""
    return {name for name in await house.names() if not name.startswith(".")}


ODD_NAMES = ["new\nline", "end\n", "%2e%2e%2f", " ", "-rf", "\u2028", "\u0301", "back\\slash", "'\"$(x)", "*"]


@pytest.mark.fault("F71")
async def test_whatever_it_is_called_it_is_listed_read_and_deleted(house: House) -> None:
    for name in ODD_NAMES:
        await house.write(name, name.encode())
    assert await visible(house) == set(ODD_NAMES)
    for name in ODD_NAMES:
        assert await house.read(name) == (True, name.encode())
        await house.delete(name)
    assert not await visible(house)


@pytest.mark.fault("F71")
async def test_a_name_that_is_no_text_is_read_and_deleted_as_it_is_listed(house: House) -> None:
    await house.sh(
        """printf 1 >"$(printf 'caf\\351')"; printf 2 >"$(printf 'caf\\352')"; printf 3 >"$(printf 'caf\\303\\251')" """
    )
    await house.sh("""d=$(printf 'd\\377'); mkdir "$d"; printf in >"$d/f" """)
    assert await visible(house) == {"caf\ufffd", "café", "d\ufffd"}
    assert (await house.read("caf\ufffd"))[1] == b"1" and (await house.read("d\ufffd/f"))[1] == b"in"
    await house.delete("caf\ufffd")
    assert (await house.read("caf\ufffd"))[1] == b"2"
    for name in ("caf\ufffd", "d\ufffd", "café"):
        await house.delete(name)
    assert not await visible(house)


@pytest.mark.fault("F71")
async def test_a_name_with_many_replacements_is_compared_in_one_pass(house: House) -> None:
    """Tried as a pattern, this name would be compared in more ways than anybody can wait for."""
    await house.sh("""i=0; while [ $i -lt 120 ]; do i=$((i + 1)); n="$n$(printf '\\303\\251')"; done
        printf 1 >"$n$(printf '\\351')" """)
    with pytest.raises(NotFound):
        await house.read("é\ufffd" * 20 + "x")
    assert (await house.read("é" * 120 + "\ufffd"))[1] == b"1"


@pytest.mark.fault("F71")
@pytest.mark.parametrize(
    "octal", ["\\355\\240\\200", "\\342\\202", "\\364\\220\\200\\200", "\\300\\257", "\\342\\303\\251", "\\377" * 200]
)
async def test_a_name_is_read_as_it_is_listed_whichever_bytes_are_no_text(house: House, octal: str) -> None:
    """A surrogate, a character that is cut off, one above U+10FFFF, an overlong one, and one cut off by another."""
    await house.sh(f"""printf 1 >"$(printf 'a{octal}z')" """)
    (name,) = await visible(house)
    assert (await house.read(name))[1] == b"1"
    await house.delete(name)
    assert not await visible(house)


@pytest.mark.fault("F71")
async def test_links_that_lead_nowhere_are_deleted_themselves(house: House) -> None:
    await house.sh("ln -s loop loop; ln -s $O/secret out; ln -s missing dangling; ln -s $O outside")
    for name in ("loop", "out", "dangling", "outside"):
        assert name in await house.names()
        with pytest.raises(Refused):
            await house.read(name)
        await house.delete(name)
    assert not await visible(house) and await untouched(house)


@pytest.mark.fault("F71")
async def test_a_deep_directory_is_deleted(house: House) -> None:
    await house.sh("perl -e 'for (1..3000) { mkdir q(d); chdir q(d) or die }; open F, q(>f)'")
    with pytest.raises(Invalid):
        below_root("/".join(["d"] * 3000))
    await house.delete("d")
    assert not await visible(house)


@pytest.mark.fault("F71")
async def test_below_a_file_nothing_is_written(house: House) -> None:
    await house.write("f", b"x")
    with pytest.raises(Invalid, match="a file is in the way"):
        await house.write("f/y", b"y")
    assert await visible(house) == {"f"}


async def test_what_is_another_users_is_left_alone(docker: House) -> None:
    engine = docker.engine
    assert isinstance(engine, DockerEngine)
    await docker.sh("chmod 777 .")
    script = "mkdir -m 700 theirs; echo s >theirs/f; echo s >mine; chmod 600 mine"
    result = engine.container(docker.id).exec_run(["sh", "-c", script], user="root", workdir="/workspace")
    assert result.exit_code == 0, result.output
    for ask in (docker.read("theirs/f"), docker.read("mine"), docker.names("theirs"), docker.write("theirs/f", b"x")):
        with pytest.raises(NotAllowed):
            await ask


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[House]:
    async with opened("docker", tmp_path) as engine:
        id = uuid4()
        await engine.machines.ensure_running(id, TEMPLATE)
        yield House(engine, id, "/tmp/outside")


async def test_a_workspace_that_does_not_run_is_unavailable(docker: House) -> None:
    await docker.engine.machines.ensure_stopped(docker.id)
    for ask in docker.everything("file"):
        with pytest.raises(Unavailable):
            await ask()  # type: ignore[misc]


async def test_what_is_given_up_half_way_changes_nothing(house: House) -> None:
    await house.write("file", b"before")

    async def cut() -> AsyncIterator[bytes]:
        yield b"after" * 100_000
        raise ConnectionError("the client has gone")

    for path in ("file", "new"):
        with pytest.raises(ConnectionError):
            await house.files.write(house.id, path, cut())

    async def only_the_old() -> bool:
        return await house.sh("ls -A | grep -v '^[.][bp]'") == "file\n" and await house.sh("cat file") == "before"

    async with asyncio.timeout(20):
        while not await only_the_old():
            await asyncio.sleep(0.05)


TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(str.encode)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(around=st.integers(-3, 3), data=TEXTS | st.binary(max_size=8))
async def test_text_is_what_python_takes_for_it(shared_house: House, around: int, data: bytes) -> None:
    """The size is around that of a piece, so that a character may lie in two of them."""
    whole = b"x" * ((1 << 18) + around) + data if around else data
    await shared_house.write("file", whole)
    try:
        whole.decode()
        is_text = b"\0" not in whole
    except UnicodeDecodeError:
        is_text = False
    assert await shared_house.read("file") == (is_text, whole)


PART = st.sampled_from(["..", ".", "", "a", "b", "out", "up", "loop", "%2e%2e", "%2e%2e%2f", "workspace", "in", "f"])
PATHS = st.lists(PART, min_size=1, max_size=6).map("/".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=PATHS, how=st.integers(0, 3))
async def test_no_path_leads_outside(shared_house: House, path: str, how: int) -> None:
    await shared_house.sh(
        "rm -rf ./* $O; mkdir -p $O/d a/b; printf secret >$O/secret; printf secret >$O/d/secret; printf in >a/f"
    )
    await shared_house.sh("ln -s $O out; ln -s ../.. a/up; ln -s loop loop; ln -s a in; ln -s ../out a/b/out")
    try:
        answer = await shared_house.everything(below_root(path))[how]()  # type: ignore[misc]
    except Refused:
        answer = None
    assert "secret" not in str(answer)
    assert await untouched(shared_house)


@pytest.fixture(scope="module", params=["docker", "local"])
def shared_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A workspace that all examples of a property share: making one takes a second."""
    home = tmp_path_factory.mktemp("one")
    runner = asyncio.Runner()
    context = opened(request.param, home)
    engine = runner.run(context.__aenter__())
    id = uuid4()
    runner.run(engine.machines.ensure_running(id, TEMPLATE))
    outside = "/tmp/outside" if isinstance(engine, DockerEngine) else str(home / "outside")
    yield House(engine, id, outside)
    runner.run(context.__aexit__(None, None, None))
    runner.close()


SWAPPING = """
my ($x, $lie) = ("x", "lie");
while (-e "race") {
    syscall(316, -100, $x, -100, $lie, 2) for 1 .. 51;    # renameat2 in the working directory, RENAME_EXCHANGE
    select undef, undef, undef, 0.0002;
}
"""


async def test_links_that_are_moved_about_meanwhile_lead_nowhere(house: House) -> None:
    """A directory and a link to the outside swap names every few hundred microseconds."""
    await house.sh("mkdir x; printf inside >x/secret; ln -s $O/d lie; touch race")
    swapping = asyncio.create_task(house.sh('perl -e "$1"', SWAPPING))
    read: set[Any] = set()
    refused: set[Any] = set()
    nth = 0
    try:
        while nth < 60 or not (read and NotAllowed in refused):
            nth += 1
            try:
                match nth % 4:
                    case 0 | 1:
                        read.add((await house.read("x/secret"))[1])
                    case 2:
                        await house.write("x/new", b"inside")
                    case 3:
                        await house.delete("x/new")
            except (NotAllowed, NotFound, Invalid) as refusal:
                refused.add(type(refusal))
    finally:
        await house.sh("rm race")
        await swapping
    assert read == {b"inside"}
    assert await untouched(house)
