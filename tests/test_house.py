"""The rules of the house itself: what every table has, what no file names, what the wheel carries."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Index, Table, UniqueConstraint

from configurator.schema import tables

ROOT = Path(__file__).parent.parent
# Tables that belong to no company's documents: the tenant itself, browsers, counted tries.
WITHOUT_COMPANY = {"company", "login_attempt"}


def _company_tables() -> list[Table]:
    return [table for name, table in tables().tables.items() if name not in WITHOUT_COMPANY]


def test_every_table_belongs_to_a_company() -> None:
    assert [table.name for table in _company_tables() if "company_id" not in table.columns] == []


def test_every_unique_key_is_unique_within_a_company() -> None:
    strays = [
        f"{table.name}: {[column.name for column in key.columns]}"
        for table in _company_tables()
        for key in (*table.constraints, *table.indexes)
        if (isinstance(key, UniqueConstraint) or (isinstance(key, Index) and key.unique))
        and "company_id" not in key.columns
    ]
    assert strays == []


def test_no_reference_leaves_its_company() -> None:
    strays = [
        f"{table.name}.{key.column_keys}"
        for table in _company_tables()
        if table.name != "web_session"  # its user is found by the key alone, and brings the company along
        for key in table.foreign_key_constraints
        if key.referred_table.name != "company" and "company_id" not in key.column_keys
    ]
    assert strays == []


def test_every_key_has_a_name_that_later_migrations_can_use() -> None:
    strays = [
        f"{table.name}: {type(constraint).__name__}"
        for table in tables().tables.values() for constraint in table.constraints if not constraint.name
    ]
    assert strays == []


def _kept_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_lock_files_name_no_registry_and_only_hashed_packages() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "package-lock.json"):
        assert not re.search(r"https?://|--index-url|file:", (ROOT / name).read_text()), name
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
        bare = [entry.split()[0] for entry in entries if "==" in entry.split("\n")[0] and "--hash=sha256:" not in entry]
        assert bare == [], name
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_every_package_that_runs_is_in_the_development_lock_at_the_same_version() -> None:
    def pinned(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)(?:\[\S+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE))

    development = pinned("requirements-dev.lock")
    assert {name: development.get(name) for name in pinned("requirements.lock")} == pinned("requirements.lock")


def test_no_file_names_a_machine() -> None:
    """Paths of somebody's machine do not belong into a repository."""
    machine = re.compile(rb"/(?:work|root|home)/[a-z]")
    strays = [
        str(file.relative_to(ROOT)) for file in _kept_files()
        if file.suffix in {".py", ".html", ".md", ".toml", ".js", ".css", ".yaml", ".json", ""}
        and file.name != Path(__file__).name and machine.search(file.read_bytes())
    ]
    assert strays == []


def test_only_names_in_the_design_stand_at_the_top() -> None:
    top = {file.relative_to(ROOT).parts[0] for file in _kept_files()}
    assert top == {
        "solver", "catalog", "configurator", "templates", "tests", ".ci", ".gitignore", ".npmrc", "CHANGELOG.md",
        "LICENSE", "Makefile", "README.md", "hatch_build.py", "package.json", "package-lock.json", "pyproject.toml",
        "requirements.lock", "requirements-dev.lock",
    }


# Who may know of HTTP and forms: the platform's edge, and in each department what faces the browser.
EDGE = {"app", "auth", "compression", "i18n", "metrics"}
FACING_THE_BROWSER = {"views", "visiting", "forms", "floor", "drawings"}  # also `cart_views` and the like


def test_services_know_no_http() -> None:
    http = r"^\s*(?:from|import) (?:flask|apiflask|wtforms|flask_wtf|flask_login|werkzeug)\b"
    speaks_http = re.compile(http, re.MULTILINE)
    strays = [
        str(file.relative_to(ROOT)) for room in ("solver", "catalog", "configurator")
        for file in (ROOT / room).rglob("*.py")
        if speaks_http.search(file.read_text())
        and not (file.parent == ROOT / "configurator" and file.stem in EDGE)
        and not (file.parent.parent == ROOT / "configurator" and file.stem.rpartition("_")[2] in FACING_THE_BROWSER)
    ]
    assert strays == []


@pytest.mark.slow
def test_a_wheel_carries_templates_translations_and_static_files_and_the_command_runs(tmp_path: Path) -> None:
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), "."]
    subprocess.run([sys.executable, "-m", *build], cwd=ROOT, check=True)
    wheel = next(tmp_path.glob("*.whl"))
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        "configurator/templates/base.html", "configurator/static/css/base.css",
        "configurator/static/vendor/htmx.min.js", "configurator/static/vendor/fonts/NotoSansSC-Regular.ttf",
        "configurator/migrations/versions/0001_first_light.py",
        "configurator/translations/zh_Hans_CN/LC_MESSAGES/messages.mo", "catalog/families/bicycle.yaml",
        "solver/configuration/problem.py",
    }
    assert needed - names == set()
    assert [name for name in names if name.startswith(("tests/", "var/", "node_modules/"))] == []
    # Installed apart from the checkout, with the packages of this environment beneath it.
    venv.create(tmp_path / "apart", with_pip=False)
    python = tmp_path / "apart" / "bin" / "python"
    beneath = next((tmp_path / "apart" / "lib").iterdir()) / "site-packages"
    zipfile.ZipFile(wheel).extractall(beneath)
    packages = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (beneath / "beneath.pth").write_text(f"{packages}\n")
    environment = {
        "PATH": os.environ["PATH"], "CONFIGURATOR_MODE": "demo", "CONFIGURATOR_DATA": str(tmp_path / "house"),
    }
    shown = subprocess.run([python, "-m", "configurator", "--help"], cwd=tmp_path, env=environment, text=True,
                           capture_output=True, check=True)
    assert "serve" in shown.stdout
    script = (
        "from configurator import db; from configurator.app import create_app; from configurator.config import *;"
        "from configurator.migrate import migrate; s = load_settings(); db.connect(s.database); migrate();"
        "a = create_app(s).test_client().get('/login?lang=zh'); print(a.status_code, '登录' in a.text)"
    )
    page = subprocess.run([python, "-c", script], cwd=tmp_path, env=environment, text=True, capture_output=True,
                          check=True)
    assert page.stdout.splitlines()[-1] == "200 True"
