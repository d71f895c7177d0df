"""The command `configurator`: serve, work, set up, and run everything at once for a first look."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from configurator import __version__
from configurator.config import Settings, UnsafeSettings, load_settings

# Whatever a command needs is imported inside it: `--help` is instant, and `serve` prepares its environment first.


def _settings() -> Settings:
    try:
        return load_settings()
    except UnsafeSettings as unsafe:
        click.echo("These settings cannot be started with:", err=True)
        for fault in str(unsafe).splitlines():
            click.echo(f"  {fault}", err=True)
        sys.exit(2)


def _demo_settings() -> Settings:
    """Settings where nothing said otherwise: a demo."""
    os.environ.setdefault("CONFIGURATOR_MODE", "demo")
    settings = _settings()
    if not settings.demo:
        raise click.ClickException("This is for demos only (CONFIGURATOR_MODE=demo).")
    return settings


def _connect(settings: Settings) -> None:
    from configurator import db
    from configurator.logs import configure_logs

    configure_logs("console", "WARNING")
    settings.folder.mkdir(parents=True, exist_ok=True)
    db.connect(settings.database)


def _keep_compiled(settings: Settings) -> None:
    """What a command compiles is there for the web processes too."""
    from catalog.offer import keep_offers

    keep_offers(settings.folder / "compiled", offers=settings.offers_kept, megabytes=settings.offers_megabytes)


def _migrated(settings: Settings) -> None:
    """Connect to a database that must stand at the newest step."""
    from configurator.migrate import newest, present

    _connect(settings)
    if present() != newest():
        raise click.ClickException("The database is not up to date. Please run: configurator migrate")


def _company_id() -> int:
    from sqlmodel import col, select

    from catalog.rows import Company
    from configurator import db

    with db.reading() as session:
        company_id = session.exec(select(Company.id).order_by(col(Company.id))).first()
    if company_id is None:
        raise click.ClickException("There is no company yet. Please run: configurator init (or seed, for a demo)")
    return company_id


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="configurator")
def main() -> None:
    """Mass customization order configurator. Settings come from the environment (CONFIGURATOR_…)."""


@main.command()
def serve() -> None:
    """Serve the web pages and the API until told to stop."""
    settings = _settings()
    _migrated(settings)
    from configurator.server import serve as serve_web

    serve_web(settings)


@main.command()
def worker() -> None:
    """Do background work: jobs, mails, the factory's clock."""
    settings = _settings()
    _migrated(settings)
    from configurator.worker import run_worker

    run_worker(settings, _stop_signal())


def _stop_signal() -> threading.Event:
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop


@main.command()
def migrate() -> None:
    """Create the tables, or bring them to the newest version."""
    from configurator.migrate import migrate as go

    _connect(_settings())
    click.echo("Brought up to date." if go() else "Already up to date.")


@main.command()
@click.option("--company", prompt="Name of the company", help="Name of the company")
@click.option("--zone", prompt="Time zone (IANA name)", default="Asia/Shanghai", show_default=True,
              help="Time zone of the company, IANA name")
@click.option("--currency", prompt="Currency (ISO 4217)", default="EUR", show_default=True, help="Currency, ISO 4217")
@click.option("--login", prompt="Login of the first administrator", help="Login of the first administrator")
@click.option("--name", prompt="Name of the first administrator", help="Name of the first administrator")
@click.password_option(help="Password of the first administrator")
def init(company: str, zone: str, currency: str, login: str, name: str, password: str) -> None:
    """Set up a real house: tables, the company, its first administrator. No demo data."""
    from configurator.migrate import migrate as go
    from configurator.setup import AlreadySetUp, BadValue, first_administrator

    _connect(_settings())
    go()
    try:
        first_administrator(company, zone, currency, login, name, password)
    except (AlreadySetUp, BadValue) as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"{company} is set up; {login} can log in. Next: configurator catalog load FILE")


@main.command()
@click.option("--orders", default=300, show_default=True, help="How many open orders")
@click.option("--seed", "number", default=2026, show_default=True, help="The same seed gives the same house")
def seed(orders: int, number: int) -> None:
    """Fill an empty demo with a factory, products, people and a book of orders."""
    settings = _demo_settings()
    _migrated(settings)
    if not _seeded(settings, orders, number):
        click.echo("There are data already; nothing was changed.")


def _seeded(settings: Settings, orders: int, number: int) -> bool:
    """Seed an empty database, showing progress; whether it was empty."""
    from configurator.setup import is_set_up

    if is_set_up():
        return False
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from configurator.demo import seed as fill

    _keep_compiled(settings)

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=_console()) as bar:
        task = bar.add_task("Demo factory", total=None)

        def show(what: str, done: int = 0, total: int | None = None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        fill(settings, orders=orders, seed=number, progress=show)
    return True


@main.group()
def catalog() -> None:
    """Products, prices, routings and the factory, as files."""


@catalog.command("load")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(files: tuple[Path, ...]) -> None:
    """Publish what the FILES say; of a file with faults, nothing is stored and every fault is listed.

    Pictures that a product names are taken from the folder `pictures` beside its file.
    """
    from catalog.file import SECTIONS
    from catalog.load import load_catalog
    from catalog.pictures import NotAPicture, beside, store_picture
    from catalog.problems import Refused
    from catalog.rows import utc_now
    from configurator import db

    _migrated(_settings())
    company_id = _company_id()
    for file in files:
        try:
            with db.writing() as session:
                loaded = load_catalog(session, company_id, file.read_bytes(), loaded_at=utc_now())
                for picture, data in beside(file).items():
                    if store_picture(session, company_id, picture, data):
                        click.echo(f"{file.name}: picture {picture}")
        except NotAPicture as error:
            raise click.ClickException(f"{file.name}: {error}. Nothing of it was stored.") from error
        except Refused as refused:
            for problem in refused.problems:
                click.echo(f"{file}:{problem}", err=True)
            raise click.ClickException(f"{file.name} was refused; nothing of it was stored.") from refused
        for section in SECTIONS:
            part = getattr(loaded, section)
            if part is not None:
                state = "published" if part.published else "unchanged"
                click.echo(f"{file.name}: {section} {part.code}, revision {part.number} ({state})")


@catalog.command("analyse")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 3600), help="Time limit")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON")
def analyse(file: Path, seconds: float, as_json: bool) -> None:
    """Say what the rules of FILE leave, what cannot be priced or made, and what it would change. Nothing is stored.

    Ends with 1 if the file cannot be published as it is.
    """
    import json

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from configurator.modelling.analyses import analysed
    from configurator.modelling.printed import lines_of

    _migrated(_settings())
    company_id = _company_id()
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=_console()) as bar:
        task = bar.add_task("read", total=1.0)
        report = analysed(
            company_id, file.read_bytes(), seconds=seconds,
            told=lambda step, share: bar.update(task, description=step, completed=share),
        )
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for line in lines_of(report, file.name):
            click.echo(line)
    if report["refused"]:
        sys.exit(1)


@catalog.command("export-uvl")
@click.argument("code")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; otherwise it is printed")
def export_uvl(code: str, out: Path | None) -> None:
    """Write the newest published options and rules of the product CODE as UVL, which other tools read.

    Ends with 1 if there are rules that UVL cannot say; they are listed.
    """
    from catalog import uvl_export
    from catalog.load import surroundings
    from catalog.rows import utc_now
    from configurator import db

    _migrated(_settings())
    company_id = _company_id()
    with db.reading() as session:
        products = surroundings(session, company_id, utc_now().date()).products
    if code not in products:
        raise click.ClickException(f"There is no published product {code}; there are {', '.join(sorted(products))}.")
    export = uvl_export.export_uvl(products[code])
    if out is None:
        click.echo(export.text, nl=False)
    else:
        out.write_text(export.text, encoding="utf-8")
        click.echo(f"{out}: {len(export.model.features)} features, {len(export.model.constraints)} constraints")
    for component, why in export.written_out:
        click.echo(f"Written out, no feature cardinality: component {component}: {why}", err=True)
    for rule, why in export.left_out:
        click.echo(f"Left out, UVL cannot say it: rule {rule}: {why}", err=True)
    if export.left_out:
        sys.exit(1)


@catalog.command("check-uvl")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--main", "main_file", help="Of a folder or zip: the file that imports the others, if that is not clear")
def check_uvl(path: Path, main_file: str | None) -> None:
    """Read a feature model and say what it holds and, by line, what is wrong or not supported.

    PATH is a UVL file (what it imports is looked for beside it), a folder or zip of UVL files, or a FeatureIDE file.
    Ends with 1 if anything is wrong or not supported.
    """
    from catalog.feature_file import is_several, read_feature_file
    from catalog.feature_model import Fault, LeftOut, ModelSyntaxError, Note
    from catalog.feature_problem import problem_of
    from catalog.uvl import NoSuchFile
    from catalog.uvl_files import NotReadable
    from solver.configuration.problem import InvalidProblem

    folder = path if is_several(path) else path.parent

    def placed(one: Fault | LeftOut | Note) -> str:
        return f"{folder / str(one)}" if one.file else f"{path}:{one}"

    try:
        model = read_feature_file(path, main_file, lenient=True)
        stated = problem_of(model)
    except ModelSyntaxError as refused:
        for fault in refused.faults:
            click.echo(placed(fault), err=True)
        raise click.ClickException(f"{path.name} is no feature model.") from refused
    except InvalidProblem as invalid:
        raise click.ClickException(f"{path.name} cannot be solved: {invalid}") from invalid
    except (NotReadable, NoSuchFile) as unread:
        raise click.ClickException(f"{path.name} cannot be read: {unread}.") from unread
    click.echo(
        f"{path.name}: {len(model.features)} features, {len(model.groups)} groups, {len(model.constraints)} constraints"
    )
    for note in (*model.notes, *stated.notes):
        click.echo(placed(note))
    for one in model.left_out:
        click.echo(placed(replace(one, construct=f"not supported: {one.construct}")), err=True)
    if model.left_out:
        raise click.ClickException(f"{path.name} is not supported as a whole: {len(model.left_out)} left out.")


@main.group()
def user() -> None:
    """People who may log in."""


@user.command("add")
@click.argument("login")
@click.option("--name", prompt=True, help="The person's name")
@click.option("--role", "roles", multiple=True, required=True,
              type=click.Choice(["buyer", "sales", "planner", "operator", "modeller", "administrator"]),
              help="May be given several times")
@click.option("--locale", default="en", show_default=True, type=click.Choice(["zh", "en"]), help="Language")
@click.password_option()
def add(login: str, name: str, roles: tuple[str, ...], locale: str, password: str) -> None:
    """Let LOGIN log in, with these roles."""
    from configurator.admin.services import LoginTaken, new_account
    from configurator.auth import Role
    from configurator.setup import BadValue, checked_password

    _migrated(_settings())
    try:
        new_account(_company_id(), login, name, checked_password(password), {Role(r) for r in roles}, locale, by=None)
    except LoginTaken as taken:
        raise click.ClickException(f"{login} is taken already.") from taken
    except BadValue as bad:
        raise click.ClickException(str(bad)) from bad
    click.echo(f"{login} can log in.")


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask")
def reset(yes: bool) -> None:
    """Throw a demo's data away; the next run begins anew."""
    settings = _demo_settings()
    from configurator.setup import throw_away

    if not yes:
        click.confirm(f"Throw away everything in {settings.folder} and its database?", abort=True)
    throw_away(settings)
    click.echo("The demo is empty again.")


@main.command()
@click.option("--orders", default=300, show_default=True, help="How many open orders an empty house begins with")
def run(orders: int) -> None:
    """A demo at once: tables, data, web server and worker; Ctrl-C ends all of it."""
    settings = _demo_settings()
    from configurator.launch import CannotStart, launch

    def prepare() -> None:
        from configurator.migrate import migrate as go

        _connect(settings)
        go()
        _seeded(settings, orders, 2026)

    try:
        launch(settings, prepare, _say)
    except CannotStart as cannot:
        raise click.ClickException(str(cannot)) from cannot


_say: Callable[[str], None] = click.echo


if __name__ == "__main__":
    main()
