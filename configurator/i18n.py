"""Chinese and English: which language a request gets, and how money, dates and catalog texts are written in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date as babel_date
from babel.dates import format_time as babel_time
from babel.dates import get_timezone_location
from babel.numbers import format_currency, format_decimal
from flask import Flask, Response, g, request
from flask_babel import Babel, get_locale
from flask_login import current_user

LANGUAGES = {"zh": "zh_Hans_CN", "en": "en"}
NAMES = {"zh": "中文", "en": "English"}
COOKIE = "configurator_language"


def choose_locale() -> str:
    """`?lang=`, else the cookie, else the person's own, else what the browser prefers, else English.

    A program says its language with each request: the person whose login it uses may read another one.
    """
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        g.keep_language = asked
        return LANGUAGES[asked]
    kept = request.cookies.get(COOKIE, "")
    if kept in LANGUAGES:
        return LANGUAGES[kept]
    preferred = request.accept_languages.best_match(list(LANGUAGES))
    if preferred and request.path.startswith("/api/"):
        return LANGUAGES[preferred]
    if current_user and getattr(current_user, "locale", None) in LANGUAGES:
        return LANGUAGES[current_user.locale]
    return LANGUAGES[preferred or "en"]


def language() -> str:
    """`zh` or `en`: the language of this request, as catalog texts name it."""
    locale = get_locale()
    return "zh" if locale is not None and locale.language == "zh" else "en"


def text_of(text: Any, lang: str | None = None) -> str:
    """A catalog text (`Text` or {"zh": …, "en": …}) in the request's language."""
    lang = lang or language()
    if isinstance(text, Mapping):
        return str(text[lang])
    return str(getattr(text, lang))


def money(minor: int, currency: str, exponent: int = 2, *, sign: bool = False) -> str:
    """An amount of integer minor units, with its currency; `sign` shows + as well."""
    amount = Decimal(minor).scaleb(-exponent)
    text = format_currency(abs(amount), currency, locale=str(get_locale() or "en"))
    if minor < 0:
        return f"−{text}"
    return f"+{text}" if sign and minor > 0 else text


def number(value: float | int) -> str:
    return format_decimal(value, locale=str(get_locale() or "en"))


def day(value: date | datetime, zone: str | None = None, *, year: bool = True) -> str:
    """`Thu 3 Dec 2026` or `2026年12月3日 周四`; an instant needs its zone."""
    if isinstance(value, datetime):
        value = value.astimezone(ZoneInfo(zone or "UTC")).date()
    if language() == "zh":
        return babel_date(value, "y年M月d日 EEE" if year else "M月d日 EEE", locale="zh_Hans_CN")
    return babel_date(value, "EEE d MMM y" if year else "EEE d MMM", locale="en_GB")


def moment(value: datetime, zone: str) -> str:
    """An instant as day and time in a zone."""
    local = value.astimezone(ZoneInfo(zone))
    return f"{day(local, zone)} {babel_time(local.time(), 'HH:mm', locale='en_GB')}"


def clock(value: datetime, zone: str) -> str:
    """The time of day of an instant in a zone, `14:32`."""
    return value.astimezone(ZoneInfo(zone)).strftime("%H:%M")


def zone_name(zone: str) -> str:
    """The city after which a zone is named: `Shanghai`, `上海`."""
    return get_timezone_location(ZoneInfo(zone), locale=str(get_locale() or "en"), return_city=True)


def language_url(lang: str) -> str:
    """The address of this page in another language."""
    query = request.args.to_dict() if request.method == "GET" else {}
    return f"{request.path}?{urlencode(query | {'lang': lang})}"


def _keep_language(response: Response) -> Response:
    if "keep_language" in g and not request.path.startswith("/api/"):
        response.set_cookie(COOKIE, g.keep_language, max_age=365 * 86400, samesite="Lax", httponly=True,
                            secure=request.is_secure)
    return response


def init_i18n(app: Flask) -> None:
    """Languages for the app, and the filters that templates use."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", "en")
    Babel(app, locale_selector=choose_locale)
    app.after_request(_keep_language)
    app.jinja_env.filters.update(
        money=money, day=day, moment=moment, clock=clock, zone_name=zone_name, text=text_of, number=number
    )
    app.jinja_env.globals.update(language=language, language_url=language_url, LANGUAGES=NAMES)
