"""The command: sets a house up, refuses what is unsafe, opens everything at once and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from configurator import db
from configurator.auth import Role
from configurator.cli import main
from configurator.migrate import newest, present

ROOT = Path(__file__).parent.parent.parent
ADMINISTRATOR = ["--company", "Räder 车行", "--zone", "Europe/Berlin", "--currency", "EUR",
                 "--login", "Ann", "--name", "Ann", "--password", "a long password"]
REAL = {
    "CONFIGURATOR_MODE": "production", "CONFIGURATOR_SECRET_KEY": "k" * 48,
    "CONFIGURATOR_TRUSTED_HOSTS": "shop.example.com", "CONFIGURATOR_PUBLIC_URL": "https://shop.example.com",
}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A real house's settings over an empty folder."""
    settings = REAL | {"CONFIGURATOR_DATA": str(tmp_path)}
    for name in [name for name in os.environ if name.startswith("CONFIGURATOR_") or name == "PORT"]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield settings
    if db.is_connected():
        db.database().close()


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_real_house_begins_with_one_administrator_and_nothing_else(environment: dict[str, str]) -> None:
    code, said = _run("init", *ADMINISTRATOR)
    assert code == 0, said
    assert "Ann can log in" in said
    assert present() == newest()
    with db.reading() as session:
        assert session.execute(text("SELECT login FROM user_account")).all() == [("ann",)]
        assert session.execute(text("SELECT role FROM user_role")).all() == [(Role.ADMINISTRATOR,)]
        assert session.execute(text("SELECT count(*) FROM product")).scalar_one() == 0
    code, said = _run("init", *ADMINISTRATOR)
    assert code == 1
    assert "set up already" in said


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--zone", "Berlin", "no time zone"),
        ("--zone", "../etc/passwd", "no time zone"),
        ("--currency", "EURO", "no currency"),
        ("--password", "short", "at least 12 characters"),
    ],
)
def test_init_says_what_is_wrong_and_stores_nothing(
    environment: dict[str, str], option: str, value: str, said: str
) -> None:
    arguments = list(ADMINISTRATOR)
    arguments[arguments.index(option) + 1] = value
    code, output = _run("init", *arguments)
    assert code == 1
    assert said in output
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM company")).scalar_one() == 0


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "seed", "reset", "run"])
def test_unsafe_settings_start_nothing(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("CONFIGURATOR_SECRET_KEY", "change-me")
    monkeypatch.delenv("CONFIGURATOR_TRUSTED_HOSTS")
    code, said = _run(command)
    assert code == 2
    assert len(re.findall(r"^  CONFIGURATOR_\w+: ", said, re.MULTILINE)) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["seed", "reset", "run"])
def test_a_real_house_gets_no_demo_and_is_not_thrown_away(environment: dict[str, str], command: str) -> None:
    _run("init", *ADMINISTRATOR)
    code, said = _run(command)
    assert code == 1
    assert "demos only" in said
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM company")).scalar_one() == 1


def test_nothing_is_served_from_a_database_of_another_version(environment: dict[str, str]) -> None:
    for command in ("serve", "worker"):
        code, said = _run(command)
        assert code == 1
        assert "configurator migrate" in said


def test_people_and_catalog_files_are_added_by_command(environment: dict[str, str], tmp_path: Path) -> None:
    _run("init", *ADMINISTRATOR)
    add = ("user", "add", "bo", "--name", "Bo", "--role", "sales", "--role", "planner", "--password")
    assert _run(*add, "a long password")[0] == 0
    assert _run(*add, "a long password")[0] == 1  # the login is taken
    assert _run(*add, "short")[0] == 1
    families = ROOT / "catalog" / "families"
    code, said = _run("catalog", "load", str(families / "factory.yaml"), str(families / "bicycle.yaml"))
    assert code == 0, said
    assert "product bicycle, revision 1 (published)" in said
    bad = tmp_path / "bad.yaml"
    bad.write_text((families / "bicycle.yaml").read_text().replace("default: ", "default: no_such_"))
    code, said = _run("catalog", "load", str(bad))
    assert code == 1
    assert re.search(r"bad\.yaml:line \d+, \S+: .*expected", said)
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM product_revision")).scalar_one() == 1


def test_catalog_load_before_init_says_what_to_do_first(environment: dict[str, str]) -> None:
    _run("migrate")
    code, said = _run("catalog", "load", str(ROOT / "catalog" / "families" / "factory.yaml"))
    assert code == 1
    assert "configurator init" in said


# --- everything at once -----------------------------------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _open(folder: Path, port: int) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFIGURATOR_")}
    return subprocess.Popen(
        [sys.executable, "-m", "configurator", "run", "--orders", "10"], cwd=ROOT, text=True, start_new_session=True,
        env={**kept, "CONFIGURATOR_DATA": str(folder), "PORT": str(port)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )


def _said_until_open(process: "subprocess.Popen[str]") -> str:
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            return said
    raise AssertionError(said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all of these: seeded by the first, opened again by the others."""
    return tmp_path_factory.mktemp("house")


def test_run_opens_a_house_says_where_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    port = _free_port()
    process = _open(folder, port)
    try:
        said = _said_until_open(process)
        assert f"http://localhost:{port}/" in said
        for role in Role:
            assert f"demo-{role}" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
        second = _open(tmp_path, port)
        out, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert re.search(rf"Port {port} .* cannot be used .* PORT={port + 1} make run", out)
        again = _open(folder, _free_port())
        out, _ = again.communicate(timeout=60)
        assert again.returncode == 1
        assert "open already" in out
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 4  # gunicorn, its two workers, the job worker
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(started, timeout=5)
        assert alive == []
    finally:
        process.kill()


def test_a_house_whose_door_keeper_is_killed_closes_by_itself(folder: Path) -> None:
    process = _open(folder, _free_port())
    try:
        _said_until_open(process)
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(started, timeout=30)
        assert alive == []
    finally:
        process.kill()


def test_a_house_does_not_stay_half_open(folder: Path) -> None:
    """When the job worker dies for good, run says so and ends instead of selling dates that nobody keeps."""
    process = _open(folder, _free_port())
    try:
        _said_until_open(process)
        children = psutil.Process(process.pid).children()
        worker = next(child for child in children if child.cmdline()[-1] == "worker")
        others = psutil.Process(process.pid).children(recursive=True)
        worker.kill()
        out, _ = process.communicate(timeout=40)
        assert process.returncode == 1
        assert "`configurator worker` ended by itself" in out
        _, alive = psutil.wait_procs(others, timeout=5)
        assert alive == []
    finally:
        process.kill()
