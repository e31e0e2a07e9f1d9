"""Machine configurations and regions in a file, and the sentences about those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.ports.machines import Template
from application.ports.regions import Region
from infra.settings import BadSetting, Settings, explain, load_settings
from tests.infra.settings.test_settings import no_settings, refused

__all__ = ["no_settings"]  # the fixture
PARIS = "[regions.paris]\nurl = 'tcp://paris.example.org:2376'\nhost = 'paris.example.org'\n"


def test_without_settings_there_is_one_region() -> None:
    assert Settings().fixed_configs == {}
    assert Settings().fixed_regions == {"local": Region("local", None, "127.0.0.1", "127.0.0.1")}


def test_a_file_with_machines_and_regions(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    tls = {name: f"{tmp_path}/{name}" for name in ("ca", "cert", "key")}
    (tmp_path / "t.toml").write_text(
        "[machines.big]\nimage = 'i:1'\ncommand = 'sh -c \"a b\"'\nmemory_mb = 4096\ndisk_mb = 100\nuser = 'lab'\n"
        "[machines.default]\nimage = 'd:1'\nports = [22]\n"
        + PARIS
        + "".join(f"tls_{name} = '{path}'\n" for name, path in tls.items())
        + "[regions.near]\nurl = 'unix:///run/near.sock'\n"
        "[regions.local]\nhost = '192.0.2.7'\npublish_on = '10.0.0.1'\n"
    )
    settings = load_settings({"config": "t.toml"})
    assert settings.fixed_configs == {
        "big": Template("big", "i:1", ("sh", "-c", "a b"), memory_mb=4096, disk_mb=100, user="lab"),
        "default": Template("default", "d:1", ports=(22,)),
    }
    assert settings.fixed_regions == {
        "local": Region("local", None, "192.0.2.7", "10.0.0.1"),
        "paris": Region(
            "paris",
            "tcp://paris.example.org:2376",
            "paris.example.org",
            "0.0.0.0",
            (tls["ca"], tls["cert"], tls["key"]),
        ),
        "near": Region("near", "unix:///run/near.sock", "127.0.0.1", "127.0.0.1"),
    }
    explained = {name: (value, source) for name, value, source in explain(settings)}
    assert explained["machine_configs"] == ("big (i:1), default (d:1)", "file")
    assert (
        explained["regions"][0]
        == "paris (tcp://paris.example.org:2376), near (unix:///run/near.sock), local (192.0.2.7)"
    )


def test_machines_as_text_and_as_a_table_are_two_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.toml").write_text("[machines.small]\nimage = 'i'\n")
    monkeypatch.setenv("TENURE_MACHINES", "local")
    settings = load_settings({"config": "t.toml"})
    assert (settings.machines, set(settings.machine_configs)) == ("local", {"small"})

    (tmp_path / "t.toml").write_text("machines = 'docker'\n[machine_configs.small]\nimage = 'i'\n")
    monkeypatch.delenv("TENURE_MACHINES")
    settings = load_settings({"config": "t.toml"})
    assert (settings.machines, set(settings.machine_configs)) == ("docker", {"small"})


def test_variables_have_them_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_MACHINE_CONFIGS", '{"small": {"image": "i:1"}}')
    monkeypatch.setenv("TENURE_REGIONS", '{"paris": {"url": "ssh://t@paris.example.org"}}')
    settings = load_settings()
    assert settings.fixed_configs == {"small": Template("small", "i:1")}
    assert settings.fixed_regions["paris"].url == "ssh://t@paris.example.org"
    monkeypatch.setenv("TENURE_REGIONS", '{"paris": {}}')
    with pytest.raises(BadSetting, match="^regions.paris must have the url of a Docker engine[.]$"):
        load_settings()


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[machines.a]\ncpus = 2", "machines.a.image (from t.toml) must be given."),
        ("[machines.a]\nimage = 'i'\ncpu = 2", "machines.a.cpu (from t.toml) is not a setting; cpus is."),
        ("[machines.a]\nimage = 'i'\ndisk = 2", "machines.a.disk (from t.toml) is not a setting; disk_mb is."),
        ("[machines.a]\nimage = 'i'\ndisk_mb = 0", "machines.a.disk_mb (from t.toml) must be at least 1, not '0'."),
        (
            "[machines.a]\nimage = 'i'\nuser = 'root'",
            "machines.a.user (from t.toml) must be the name of an account, in small letters, and not root, not 'root'.",
        ),
        (
            "[machines.'A b']\nimage = 'i'",
            "machines.A b (from t.toml) must be a word of small letters, digits and hyphens, not 'A b'.",
        ),
        ("[machines]\na = 3", "machines.a (from t.toml) must be a table, not '3'."),
        ("regions = 3", "regions (from t.toml) must be a table, not '3'."),
        ("[regions.paris]\nhost = 'h'", "regions.paris must have the url of a Docker engine."),
        (
            "[regions.local]\nurl = 'unix:///s'",
            "regions.local must have no url: TENURE_DOCKER_URL says which engine that is.",
        ),
        ("[regions.paris]\nurls = 'unix:///s'", "regions.paris.urls (from t.toml) is not a setting; url is."),
        (
            "[regions.paris]\nurl = 'http://a'",
            "regions.paris.url (from t.toml) must be a URL that starts with unix:// or tcp:// or ssh://, "
            "not 'http://a'.",
        ),
        (
            PARIS + "tls_ca = '/nowhere'",
            "regions.paris.tls_ca (from t.toml) must be an existing file, not '/nowhere'.",
        ),
    ],
)
def test_an_error_names_the_key(tmp_path: Path, toml: str, sentence: str) -> None:
    (tmp_path / "t.toml").write_text(toml)
    assert refused({"config": "t.toml"}) == sentence


@pytest.mark.parametrize(
    ("toml", "error"),
    [
        (PARIS + "tls_ca = 't.toml'", "must have tls_ca, tls_cert and tls_key together"),
        ("[regions.paris]\nurl = 'ssh://t:s3cret@h'", "must hold no password"),
        ("[regions.paris]\nurl = 'unix:///s'\nhost = 'a b'", "host must be the name or the address of a host"),
    ],
)
def test_an_error_of_a_whole_region_names_it_and_reveals_no_secret(tmp_path: Path, toml: str, error: str) -> None:
    (tmp_path / "t.toml").write_text(toml)
    sentence = refused({"config": "t.toml"})
    assert sentence.startswith("regions.paris (from t.toml)") and error in sentence
    assert "s3cret" not in sentence and "{" not in sentence
