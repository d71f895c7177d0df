"""Sentences, money and dates in a named language: for documents and mails, which no request's language reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency
from babel.support import NullTranslations, Translations

TRANSLATIONS = Path(__file__).parent / "translations"
LOCALES = {"zh": "zh_Hans_CN", "en": "en"}


def language_of(locale: str) -> str:
    """`zh` or `en` for any locale name."""
    return "zh" if locale.lower().startswith("zh") else "en"


def country_name(code: str, language: str) -> str:
    """A country in words, `zh` or `en`."""
    return str(Locale.parse(LOCALES[language]).territories.get(code, code))


@lru_cache(maxsize=4)
def _translations(language: str) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [LOCALES[language]])


@dataclass(frozen=True, slots=True)
class Words:
    """How things are said in one language, `zh` or `en`."""

    language: str

    def gettext(self, message: str, **values: Any) -> str:
        """A sentence of the house, with its values."""
        sentence = _translations(self.language).gettext(message)
        return sentence % values if values else sentence

    def text(self, text: Any) -> str:
        """A catalog text."""
        return str(text[self.language] if isinstance(text, dict) else getattr(text, self.language))

    def money(self, minor: int, currency: str, exponent: int) -> str:
        """An amount of integer minor units with its currency."""
        amount = format_currency(abs(Decimal(minor).scaleb(-exponent)), currency, locale=LOCALES[self.language])
        return f"−{amount}" if minor < 0 else amount

    def day(self, value: date | datetime, zone: str = "UTC") -> str:
        """`Thu 3 Dec 2026` or `2026年12月3日 周四`; an instant is dated in `zone`."""
        if isinstance(value, datetime):
            value = value.astimezone(ZoneInfo(zone)).date()
        if self.language == "zh":
            return format_date(value, "y年M月d日 EEE", locale="zh_Hans_CN")
        return format_date(value, "EEE d MMM y", locale="en_GB")

    def moment(self, value: datetime, zone: str) -> str:
        """An instant as day and time in a zone."""
        return f"{self.day(value, zone)} {value.astimezone(ZoneInfo(zone)):%H:%M}"
