"""Settings: which source wins, what is refused with which sentence, and what is derived from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from application.ports.machines import Template
from infra.settings import SLEEP_COMMAND, BadSetting, Settings, explain, load_settings
from infra.wiring.templates import templates_of


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TENURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # which has no .env


def refused(flags: Mapping[str, object] | None = None) -> str:
    with pytest.raises(BadSetting) as caught:
        load_settings(flags)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and "pydantic" not in sentence
    return sentence


def test_flag_wins_over_environment_over_dotenv_over_file_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TENURE_REPLAY_LIMIT", "TENURE_READER_QUEUE", "TENURE_SWEEP_SECONDS"):
        monkeypatch.setenv(name, "2")
    (tmp_path / ".env").write_text("TENURE_REPLAY_LIMIT=3\nTENURE_WARN_SECONDS=3\nTENURE_REDIS_IMAGE=r:1\n")
    (tmp_path / "t.toml").write_text("replay_limit = 4\nwarn_seconds = 4\nprovision_concurrency = 4\n")
    settings = load_settings({"config": tmp_path / "t.toml", "replay_limit": 1, "reader_queue": None})

    explained = {name: (value, source) for name, value, source in explain(settings)}
    assert explained["replay_limit"] == ("1", "flag")
    assert explained["reader_queue"] == ("2", "environment")  # a flag that is None counts as absent
    assert explained["sweep_seconds"] == ("2", "environment")
    assert explained["warn_seconds"] == ("3", ".env")
    assert explained["provision_concurrency"] == ("4", "file")
    assert explained["max_ttl_seconds"] == ("31536000", "default")
    assert set(explained) == set(Settings.model_fields)


def test_a_secret_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seal").write_text("s" * 40 + "\n")
    (tmp_path / "oidc").write_text("of the provider")
    monkeypatch.setenv("TENURE_SEALING_SECRET_FILE", str(tmp_path / "seal"))
    (tmp_path / ".env").write_text(f"TENURE_OIDC_CLIENT_SECRET_FILE={tmp_path / 'oidc'}\n")
    settings = load_settings()
    assert settings.sealing_secret and settings.sealing_secret.get_secret_value() == "s" * 40
    assert settings.oidc_client_secret and settings.oidc_client_secret.get_secret_value() == "of the provider"
    sources = {name: source for name, _, source in explain(settings)}
    assert (sources["sealing_secret"], sources["oidc_client_secret"]) == ("environment", ".env")

    monkeypatch.setenv("TENURE_SEALING_SECRET", "t" * 40)
    assert refused({}).startswith(
        "TENURE_SEALING_SECRET and TENURE_SEALING_SECRET_FILE (from the environment) are both"
    )
    monkeypatch.delenv("TENURE_SEALING_SECRET")
    monkeypatch.setenv("TENURE_SEALING_SECRET_FILE", str(tmp_path / "none"))
    assert refused({}).endswith(f"names {tmp_path / 'none'}, which cannot be read: No such file or directory.")


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_settings_object_reads_no_environment_and_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_BIND", "0.0.0.0:80")
    settings = Settings()
    assert settings.bind == "127.0.0.1:3000"
    with pytest.raises(ValidationError):
        settings.bind = "0.0.0.0:80"  # type: ignore[misc]


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_DATABASE_URL", "")
    assert load_settings().database_url is None


@pytest.mark.parametrize("bind", ["abc", ":3000", "127.0.0.1", "127.0.0.1:99999", "::1:3000", "a b:1", "[1.2.3.4]:1"])
def test_bind_must_be_host_and_port(bind: str) -> None:
    assert refused({"bind": bind}).startswith("--bind must be HOST:PORT")


@pytest.mark.parametrize(
    ("bind", "host", "port", "loopback", "url"),
    [
        ("127.0.0.1:3000", "127.0.0.1", 3000, True, "http://127.0.0.1:3000"),
        ("[::1]:81", "::1", 81, True, "http://[::1]:81"),
        ("localhost:0", "localhost", 0, True, "http://localhost:0"),
        ("0.0.0.0:3000", "0.0.0.0", 3000, False, "http://localhost:3000"),
        ("lab.example.org:80", "lab.example.org", 80, False, "http://lab.example.org:80"),
    ],
)
def test_what_is_derived_from_bind(bind: str, host: str, port: int, loopback: bool, url: str) -> None:
    settings = Settings(bind=bind)
    assert (settings.host, settings.port, settings.is_loopback, settings.url) == (host, port, loopback, url)
    assert settings.accepts_dev_header is loopback
    assert Settings(bind=bind, dev_header=not loopback).accepts_dev_header is not loopback
    assert Settings(bind=bind, public_url="https://lab.example.org/").url == "https://lab.example.org"


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_TRUSTED_PROXIES", "10.0.0.1, 10.1.2.3/8,::1")
    monkeypatch.setenv("TENURE_AUDITORS", "ann, bob")
    settings = load_settings({"cors_origins": "https://a.example,http://b.example:81"})
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.1/32", "10.0.0.0/8", "::1/128")))
    assert settings.auditors == ("ann", "bob")
    assert settings.cors_origins == ("https://a.example", "http://b.example:81")
    assert load_settings({"trusted_proxies": "none"}).trusted_proxies == ()


@pytest.mark.fault("F1")
def test_names_that_clients_may_call_the_server_by() -> None:
    settings = load_settings({"hosts": "Lab, bücher.example., a_b", "public_url": "https://lab.example.org:8443/lab"})
    assert settings.host_names == {"127.0.0.1", "lab.example.org", "lab", "xn--bcher-kva.example", "a_b"}
    for wrong in ("lab:3000", "https://lab", "192.0.2.1", "*.example.org"):
        assert refused({"hosts": wrong}).startswith("--hosts must be host names without a port, such as")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ROLE", "foo", "TENURE_ROLE must be 'all', 'api' or 'worker', not 'foo'."),
        ("MAX_BODY_BYTES", "x", "TENURE_MAX_BODY_BYTES must be a whole number, not 'x'."),
        ("SWEEP_SECONDS", "0", "TENURE_SWEEP_SECONDS must be more than 0, not '0'."),
        ("SWEEP_SECONDS", "nan", "TENURE_SWEEP_SECONDS must be a number, not 'nan'."),
        ("DEV_HEADER", "maybe", "TENURE_DEV_HEADER must be true or false, not 'maybe'."),
        ("DEFAULT_TEMPLATE", "x", "TENURE_DEFAULT_TEMPLATE must be one of default, nodejs, python."),
        ("TEMPLATES", "{", "TENURE_TEMPLATES (from the environment) must be JSON."),
        ("TEMPLATES", '{"b":{"image":"","cpus":1}}', "TENURE_TEMPLATES: b.image must not be empty, not ''."),
    ],
)
def test_an_error_in_a_variable_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"TENURE_{variable}", value)
    assert refused() == sentence


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("bnd = '1'", "bnd (from t.toml) is not a setting; bind is."),
        ("zzz = '1'", "zzz (from t.toml) is not a setting."),
        ("bind = 3", "bind (from t.toml) must be text, not '3'."),
        ("[templates.a]\nimage = 'i'\ncpu = 2", "templates.a.cpu (from t.toml) is not a setting; cpus is."),
        ("[templates.a]\ncpus = 2", "templates.a.image (from t.toml) must be given."),
        ("[templates.a]\nimage='i'\npids=0", "templates.a.pids (from t.toml) must be at least 1, not '0'."),
        ("bind", "t.toml is not TOML: Expected '=' after a key in a key/value pair (at end of document)."),
    ],
)
def test_an_error_in_a_file_names_file_and_key(tmp_path: Path, toml: str, sentence: str) -> None:
    (tmp_path / "t.toml").write_text(toml)
    assert refused({"config": "t.toml"}) == sentence


def test_a_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_CONFIG", "nowhere.toml")
    assert refused() == "TENURE_CONFIG names nowhere.toml, which cannot be read: No such file or directory."


def test_passwords_are_never_displayed(monkeypatch: pytest.MonkeyPatch) -> None:
    explained = {
        name: value for name, value, _ in explain(load_settings({"database_url": "postgresql://me:s3cr@et@db/t"}))
    }
    assert explained["database_url"] == "postgresql://me:***@db/t"
    assert "s3cret" not in refused({"database_url": "mysql://me:s3cret@db/t"})
    assert "s3cret" not in refused({"redis_url": "http://:s3cret@db/0?password=s3cret"})


def test_the_built_in_templates_have_images_that_anybody_can_pull() -> None:
    templates = templates_of(Settings())
    assert set(templates) == {"default", "nodejs", "python"}
    assert templates["default"] == Template("default", "debian:12", SLEEP_COMMAND)


def test_a_file_adds_templates_and_replaces_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        "default_template = 'big'\n"
        "[templates.big]\nimage = 'i:1'\ncommand = 'sh -c \"a b\"'\nmemory_mb = 4096\nports = [22, 80]\n"
        "[templates.python]\nimage = 'p:1'\n"
    )
    templates = templates_of(load_settings({"config": "t.toml"}))
    assert templates["big"] == Template("big", "i:1", ("sh", "-c", "a b"), memory_mb=4096, ports=(22, 80))
    assert templates["python"] == Template("python", "p:1")
    assert templates["nodejs"].image == "node:22-bookworm"


@pytest.mark.fault("F78")
def test_a_workspace_image_is_that_of_the_default_template_alone() -> None:
    """Nothing tells whether there is a Python in it. A template of that name is one that was built, or none."""
    settings = Settings(workspace_image="ws:1", templates={"mine": {"image": "m:1"}})
    assert templates_of(settings) == {
        "default": Template("default", "ws:1", ports=(22,)),
        "mine": Template("mine", "m:1"),
    }
    assert templates_of(settings, {"python": "p:1"})["python"] == Template("python", "p:1", ports=(22,))


@pytest.mark.fault("F78")
def test_images_that_were_built_replace_those_that_have_to_be_pulled() -> None:
    templates = templates_of(Settings(), {"default": "ws:1"})
    assert templates["default"] == Template("default", "ws:1", ports=(22,))
    assert templates["python"] == Template("python", "python:3.12-bookworm", SLEEP_COMMAND)


def test_home_is_absolute_even_if_HOME_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().home == tmp_path / ".tenure"
    assert Settings(home="h").home == tmp_path / "h"
    monkeypatch.setenv("HOME", "")
    assert Settings().home.is_absolute() and Settings().home.name == ".tenure"
