"""Settings: read once from the environment, checked before anything starts. The README lists every one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Annotated, get_type_hints
from urllib.parse import urlsplit

PREFIX = "CONFIGURATOR_"
UNSAFE_SECRETS = frozenset({"", "change-me", "secret", "dev", "demo"})
DEMO_ACCOUNT, DEMO_DEPOSIT_FROM = "Demo House (takes no money) · Demo Bank · DE00 0000 0000 0000 0000 00", 50_000
SECRET_LENGTH = 32


class UnsafeSettings(Exception):
    """The settings would start something unsafe or impossible; each line names one and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a process; `CONFIGURATOR_<NAME>` in the environment."""

    mode: Annotated[
        str, "`production`, or `demo` (demo logins on the login page, the demo factory reports itself)"
    ] = "production"
    data: Annotated[str, "folder for the SQLite files, the mail files, the logs and the demo's secret"] = "var"
    database_url: Annotated[
        str, "SQLAlchemy URL; empty: SQLite in the data folder. `postgresql+psycopg://…` for PostgreSQL"
    ] = ""
    jobs_database_url: Annotated[
        str, "where the job engine keeps its own tables; empty: a SQLite file of its own, or the same PostgreSQL"
    ] = ""
    secret_key: Annotated[str, "signs cookies and links; at least 32 characters in production"] = ""
    trusted_hosts: Annotated[
        str, "host names that requests may name, separated by commas; required in production"
    ] = ""
    proxies: Annotated[int, "number of reverse proxies in front whose X-Forwarded-* headers are believed"] = 0
    secure_cookies: Annotated[str, "`yes`, `no` or `auto` (yes in production): cookies over HTTPS only"] = "auto"
    public_url: Annotated[
        str, "how customers reach this house, for links in mails; required in production; empty: this machine"
    ] = ""
    host: Annotated[str, "address that the web server listens on"] = "127.0.0.1"
    port: Annotated[int, "port that the web server listens on (`PORT` works too)"] = 8000
    web_processes: Annotated[int, "web processes, as many as the machine has cores for"] = 2
    web_threads: Annotated[int, "requests that each web process answers at once; others go to one that is free"] = 4
    worker_name: Annotated[str, "fixed id of this job worker; each worker its own"] = "worker-1"
    smtp_url: Annotated[
        str,
        "`smtp://user:password@host:587` (`smtps://` for TLS at once; a password needs TLS with a valid certificate); "
        "empty: mails become files in the data folder",
    ] = ""
    mail_from: Annotated[
        str, "sender of mails, and where buyers are told to write about an order"
    ] = "orders@example.com"
    session_hours: Annotated[int, "hours until a login ends by itself"] = 12
    login_attempts: Annotated[
        int, "failed logins of one account from one address within 15 minutes before a pause"
    ] = 10
    metrics_token: Annotated[str, "bearer token for /metrics; empty: only from this machine"] = ""
    partner_token: Annotated[
        str, "bearer token with which partners read a plant's free capacity from the API; empty: nobody can"
    ] = ""
    click_seconds: Annotated[
        float, "time limit of one answer while configuring; what it did not settle is shown as unknown"
    ] = 1.0
    analysis_seconds: Annotated[
        float, "time limit of the analysis of a catalog file before it is published"
    ] = 60.0
    offers_kept: Annotated[int, "published revisions that a process keeps ready for clicks"] = 64
    offers_megabytes: Annotated[int, "how large they may be together, before the least used are given up"] = 512
    horizon_days: Annotated[int, "how far ahead the calendars are opened for promises"] = 120
    buffer_minutes: Annotated[
        int, "minutes between the planned completion and the promise, until a planner sets another number"
    ] = 60
    grace_minutes: Annotated[
        int, "minutes after an order in which nothing of it is frozen or begun, until a planner sets another number"
    ] = 0
    near_minutes: Annotated[
        int, "less than so many minutes before its promise would be broken an order is watched, until a planner sets "
        "another number"
    ] = 60
    room_seconds: Annotated[
        float, "how long the worker makes room for rush orders in a plant's schedule, each ten minutes; 0: never"
    ] = 5.0
    thought_seconds: Annotated[
        float, "how long the factory is searched for an earlier date once a buyer rests; 0: never"
    ] = 2.0
    hold_minutes: Annotated[int, "minutes for which a cart keeps its dates, once more when they are held longer"] = 30
    hold_share: Annotated[
        float, "percent of each line's week that carts, but those of staff, may hold together; or one order, if it "
        "is more and the plant's week allows for it"
    ] = 5.0
    deposit_percent: Annotated[
        int, "percent of an order's value that a deposit is, until an administrator saves other terms"
    ] = 30
    deposit_from: Annotated[
        int, "order value with tax, in whole units of its currency, from which a deposit is asked for (0: never), "
             "until an administrator saves other terms"
    ] = 0
    guest_deposit_from: Annotated[
        int, "order value from which people who did not log in confirm their mail address or pay a deposit (0: as for "
             "everybody), until an administrator saves other terms"
    ] = 0
    deposit_days: Annotated[
        int, "days for which an order waits for its deposit; its production starts after them, until an administrator "
             "saves other terms"
    ] = 5
    bank_account: Annotated[str, "where deposits are transferred to: holder, bank and account, separated by ` · `"] = ""
    terms_url: Annotated[str, "where your terms of sale stand; with it a checkout asks for their acceptance"] = ""
    terms_version: Annotated[str, "their version, as an order keeps it; needed with the address"] = ""
    payment_provider: Annotated[
        str, "who takes deposits until an administrator saves other terms: `transfer` (to the bank account), or in a "
             "demo `test` (pays, fails, hangs), which only then can be chosen"
    ] = "transfer"
    log_format: Annotated[str, "`json` or `console`"] = "json"
    log_level: Annotated[str, "DEBUG, INFO, WARNING or ERROR"] = "INFO"
    shared_data: Annotated[
        str, "folder with public benchmark data, used by benchmarks and tests only"
    ] = "../shared/data"

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @property
    def folder(self) -> Path:
        return Path(self.data).resolve()

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.folder / 'configurator.sqlite'}"

    @property
    def jobs_database(self) -> str:
        if self.jobs_database_url:
            return self.jobs_database_url
        if self.database.startswith("postgresql"):
            return self.database
        return f"sqlite:///{self.folder / 'jobs.sqlite'}"

    @property
    def hosts(self) -> list[str]:
        """The host names that requests may name; empty: any."""
        return [host.strip() for host in self.trusted_hosts.split(",") if host.strip()]

    @property
    def cookies_over_https_only(self) -> bool:
        return self.secure_cookies == "yes" or (self.secure_cookies == "auto" and not self.demo)

    @property
    def address(self) -> str:
        """How people reach this house, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "localhost" if self.host in ("0.0.0.0", "::", "127.0.0.1", "::1") else self.host  # noqa: S104
        return f"http://{host}:{self.port}"


@cache
def descriptions() -> dict[str, str]:
    """What each setting is for, by its name in the environment."""
    hints = get_type_hints(Settings, include_extras=True)
    return {PREFIX + item.name.upper(): hints[item.name].__metadata__[0] for item in fields(Settings)}


_KINDS: dict[str, type] = {item.name: type(item.default) for item in fields(Settings)}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; raises UnsafeSettings with one line per fault."""
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    faults: list[str] = []
    for item in fields(Settings):
        name = PREFIX + item.name.upper()
        text = environment.get(name)
        if item.name == "port" and text is None:
            name, text = "PORT", environment.get("PORT")
        if text is None:
            continue
        try:
            values[item.name] = _KINDS[item.name](text)
        except ValueError:
            faults.append(f"{name}: {text!r} is not a number.")
    faults += (f"{name}: there is no such setting." for name in sorted(set(environment) - set(descriptions()))
               if name.startswith(PREFIX))
    if faults:
        raise UnsafeSettings("\n".join(faults))
    return check_settings(Settings(**values))  # type: ignore[arg-type]


def check_settings(settings: Settings) -> Settings:
    """The settings, a demo given a secret of its own; raises UnsafeSettings."""
    faults = [*_impossible(settings), *(_unsafe(settings) if not settings.demo else ())]
    if faults:
        raise UnsafeSettings("\n".join(faults))
    if settings.demo and not settings.bank_account:
        settings = replace(settings, bank_account=DEMO_ACCOUNT, deposit_from=settings.deposit_from or DEMO_DEPOSIT_FROM)
    if settings.demo and not settings.secret_key:
        return _with_demo_secret(settings)
    return settings


_ALLOWED = {
    "mode": ("production", "demo"),
    "secure_cookies": ("auto", "yes", "no"),
    "log_format": ("json", "console"),
    "payment_provider": ("transfer", "test"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
}
_BETWEEN = {
    "port": (1, 65535), "proxies": (0, 10), "web_processes": (1, 256), "web_threads": (1, 256),
    "session_hours": (1, 720), "login_attempts": (1, 1000), "horizon_days": (7, 730), "buffer_minutes": (0, 100_000),
    "grace_minutes": (0, 100_000), "near_minutes": (0, 100_000),
    "click_seconds": (0.05, 60.0), "analysis_seconds": (1.0, 3600.0), "offers_kept": (1, 10_000),
    "offers_megabytes": (16, 100_000), "room_seconds": (0.0, 60.0),
    "thought_seconds": (0.0, 10.0),
    "hold_minutes": (1, 1440), "hold_share": (0.0, 50.0),
    "deposit_percent": (1, 100), "deposit_from": (0, 10**9), "guest_deposit_from": (0, 10**9), "deposit_days": (1, 60),
}


def _impossible(settings: Settings) -> Iterator[str]:
    for name, allowed in _ALLOWED.items():
        value = getattr(settings, name)
        if value not in allowed:
            yield f"{PREFIX}{name.upper()}: {value!r} is none of {', '.join(allowed)}."
    for name, (least, most) in _BETWEEN.items():
        value = getattr(settings, name)
        if not least <= value <= most:
            yield f"{PREFIX}{name.upper()}: {value} is not between {least} and {most}."
    for name in ("database_url", "jobs_database_url"):
        url = getattr(settings, name)
        if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            yield f"{PREFIX}{name.upper()}: must begin with sqlite:/// or postgresql+psycopg://."
    if bool(settings.terms_url) != bool(settings.terms_version) or len(settings.terms_version) > 40:
        yield f"{PREFIX}TERMS_VERSION: needed with {PREFIX}TERMS_URL and only with it, at most 40 characters."
    if settings.terms_url and urlsplit(settings.terms_url).scheme not in ("http", "https"):
        yield f"{PREFIX}TERMS_URL: must begin with https:// or http://."
    if settings.smtp_url and urlsplit(settings.smtp_url).scheme not in ("smtp", "smtps"):
        yield f"{PREFIX}SMTP_URL: must begin with smtp:// or smtps://."
    if settings.public_url and urlsplit(settings.public_url).scheme not in ("http", "https"):
        yield f"{PREFIX}PUBLIC_URL: must begin with https:// or http://."


def _unsafe(settings: Settings) -> Iterator[str]:
    if settings.secret_key.lower() in UNSAFE_SECRETS or len(settings.secret_key) < SECRET_LENGTH:
        yield (f"{PREFIX}SECRET_KEY: needs at least {SECRET_LENGTH} random characters in production, for instance the "
               "output of `python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`.")
    if not settings.hosts or "*" in settings.hosts:
        yield f"{PREFIX}TRUSTED_HOSTS: name the hosts that this house answers to, for instance 'shop.example.com'."
    if not settings.public_url:
        yield f"{PREFIX}PUBLIC_URL: say how customers reach this house, for instance 'https://shop.example.com'."
    if settings.payment_provider == "test":
        yield f"{PREFIX}PAYMENT_PROVIDER: 'test' is for demos only; it takes no money."
    if (settings.deposit_from or settings.guest_deposit_from) and not settings.bank_account:
        yield f"{PREFIX}BANK_ACCOUNT: say where deposits go, for instance 'Example Ltd · Example Bank · DE02 1203 …'."
    if settings.secure_cookies == "no":
        yield f"{PREFIX}SECURE_COOKIES: 'no' is for demos only; cookies of a real house travel over HTTPS."


def _with_demo_secret(settings: Settings) -> Settings:
    """A demo keeps a random secret of its own in the data folder, so that a restart keeps its logins."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    path = settings.folder / "demo-secret"
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass  # an earlier start wrote it
    return replace(settings, secret_key=path.read_text().strip())
