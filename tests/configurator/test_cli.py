"""The command: sets a house up, refuses what is unsafe, opens everything at once and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from shutil import make_archive

import psutil
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from configurator import db
from configurator.auth import Role
from configurator.cli import main
from configurator.migrate import newest, present
from tests.catalog.small import LAMP

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


def test_a_products_rules_are_exported_to_uvl_and_checked_by_command(
    environment: dict[str, str], tmp_path: Path
) -> None:
    _run("init", *ADMINISTRATOR)
    families = ROOT / "catalog" / "families"
    assert _run("catalog", "load", str(families / "factory.yaml"), str(families / "bicycle.yaml"))[0] == 0
    code, said = _run("catalog", "export-uvl", "bicycle")
    assert code == 0, said
    assert "belt => hub_5 | hub_8 | hub_11" in said
    file = tmp_path / "bicycle.uvl"
    assert _run("catalog", "export-uvl", "bicycle", "--out", str(file))[0] == 0
    assert file.read_text(encoding="utf-8") == said
    code, said = _run("catalog", "check-uvl", str(file))
    assert code == 0, said
    assert re.fullmatch(r"bicycle\.uvl: \d+ features, \d+ groups, \d+ constraints", said.strip())
    code, said = _run("catalog", "export-uvl", "tricycle")
    assert code == 1
    assert "there are bicycle" in said


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("features\n  A\n    optional\n      Integer B\n", 0, "model:4: B has no bound"),
        ("features\n  A\n    optional\n      B cardinality [1..*]\n", 1, "model:4: not supported: feature cardinality"),
        ("imports\n  parts.b as b\nfeatures\n  A\n", 1, "model:2: there is no file parts/b.uvl"),
        ("features\n  A\nconstraints\n  A &\n", 1, "model:4: column 4: found the end"),
        ("<featureModel><struct>\n<leg/></struct></featureModel>", 1, "model:2: found <leg>"),
        ('<featureModel><struct><feature name="A"/></struct></featureModel>', 0, "1 features"),
        ("features\n  A {b 1000000000}\nconstraints\n  A.b * A.b * A.b > 1", 1, "cannot be solved"),
        ("\udcff", 1, "no text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_feature_model_is_said_by_line(tmp_path: Path, text: str, code: int, said: str) -> None:
    file = tmp_path / "model"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert (result := _run("catalog", "check-uvl", str(file)))[0] == code, result
    assert said in result[1]


def test_a_feature_model_in_several_files_is_checked_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "parts").mkdir(parents=True)
    (folder / "shop.uvl").write_text("imports\n  parts.wheel as w\nfeatures\n  A\n    optional\n      w.Wheel\n")
    (folder / "parts" / "wheel.uvl").write_text("features\n  Wheel\n    optional\n      Integer Rim\n")
    for path in (folder, folder / "shop.uvl", Path(make_archive(str(folder), "zip", folder))):
        code, said = _run("catalog", "check-uvl", str(path))
        assert code == 0 and f"{path.name}: 3 features" in said, said
        within = folder if path.suffix != ".zip" else path
        assert f"{within}/parts/wheel.uvl:4: w.Rim has no bound" in said
    (folder / "other.uvl").write_text("features\n  A\n   &\n")
    code, said = _run("catalog", "check-uvl", str(folder))
    assert code == 1 and "which file is the main one? No other imports other.uvl, shop.uvl" in said
    assert _run("catalog", "check-uvl", str(folder), "--main", "shop.uvl")[0] == 0
    code, said = _run("catalog", "check-uvl", str(folder), "--main", "other.uvl")
    assert code == 1 and f"{folder}/other.uvl:3: found `&` below a feature" in said


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


def test_a_catalog_file_is_analysed_and_nothing_is_stored(environment: dict[str, str], tmp_path: Path) -> None:
    assert _run("init", *ADMINISTRATOR)[0] == 0
    file = tmp_path / "lamp.yaml"
    odd = LAMP.replace("=> shade.small\n", "=> shade.small\n    - {id: no_felt, text: {zh: 无毡, en: No felt.}, "
                       "expression: not feet.felt}\n", 1)  # fmt: skip
    file.write_text(odd)
    code, said = _run("catalog", "analyse", str(file), "--seconds", "20")
    assert code == 0
    assert "dead option feet.felt, because of no_felt" in said and "every variant can be priced and made" in said
    code, said = _run("catalog", "analyse", str(file), "--json", "--seconds", "20")
    report = json.loads(said[said.index("{\n"):])
    assert code == 0 and report["products"][0]["analysis"]["dead"]["total"] == 1
    file.write_text(odd.replace("not feet.felt", "not feet.cork"))
    code, said = _run("catalog", "analyse", str(file))
    assert code == 1 and "lamp.yaml:line" in said and "feet.cork does not exist" in said
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM product_revision")).scalar_one() == 0
