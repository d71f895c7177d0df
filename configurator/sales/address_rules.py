"""What a postal code and a tax number look like, by country; where that is not known, anything does."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale
from flask_babel import get_locale
from flask_babel import gettext as _

from configurator.sales.delivery import plain_code
from configurator.words import LOCALES, country_name, language_of

# Countries that have no postal codes; everywhere else a parcel without one goes astray.
WITHOUT_POSTAL_CODE = frozenset({"AE", "AO", "BS", "BW", "FJ", "HK", "MO", "QA"})

# Examples, which say the shape too: a digit stands for any digit, a letter for any letter.
POSTAL_CODES = {
    "AT": "1010", "AU": "2000", "BE": "1000", "BG": "1000", "BR": "01000-000", "BY": "220030", "CA": "K1A 0B1",
    "CH": "8001", "CN": "200040", "CY": "1010", "CZ": "110 00", "DE": "10115", "DK": "1050", "EE": "10111",
    "ES": "28001", "FI": "00100", "FR": "75001", "GB": "M1 1AE|B33 8TH|CR2 6XH|DN55 1PT|W1A 1HQ|EC1A 1BB",
    "GR": "104 31", "HR": "10000", "HU": "1051", "ID": "10110", "IE": "D02 AF30|D6W F4E2", "IN": "110001",
    "IS": "101", "IT": "00118", "JP": "100-0001", "KR": "03051", "KZ": "010000", "LI": "9490",
    "LT": "01100|LT-01100", "LU": "1111|L-1111", "LV": "LV-1010|1010", "MC": "98000", "MT": "VLT 1117", "MX": "06000",
    "MY": "50000", "NL": "1012 AB", "NO": "0150", "NZ": "6011", "PH": "1000", "PL": "00-001", "PT": "1000-001",
    "RO": "010011", "RS": "11000", "RU": "101000", "SE": "111 20", "SG": "018956", "SI": "1000", "SK": "811 01",
    "TH": "10100", "TR": "34000", "TW": "100|10048|100405", "UA": "01001", "US": "20500|20500-0005",
    "VN": "10000|100000", "ZA": "8001",
}

# Numbers of VAT by country: its prefix, what follows, and an example. Source: VIES, question 11 of its FAQ; the last
# three are those of HMRC, of the Swiss UID register and of Brønnøysund.
VAT = {
    "AT": ("AT", r"U[0-9]{8}", "ATU12345678"), "BE": ("BE", r"[01][0-9]{9}", "BE0123456789"),
    "BG": ("BG", r"[0-9]{9,10}", "BG123456789"), "CY": ("CY", r"[0-9]{8}[A-Z]", "CY12345678X"),
    "CZ": ("CZ", r"[0-9]{8,10}", "CZ12345678"), "DE": ("DE", r"[0-9]{9}", "DE123456789"),
    "DK": ("DK", r"[0-9]{8}", "DK12345678"), "EE": ("EE", r"[0-9]{9}", "EE123456789"),
    "ES": ("ES", r"[A-Z][0-9]{7}[0-9A-Z]|[0-9]{8}[A-Z]", "ESX12345678"), "FI": ("FI", r"[0-9]{8}", "FI12345678"),
    "FR": ("FR", r"[0-9A-Z]{2}[0-9]{9}", "FR12345678901"), "GR": ("EL", r"[0-9]{9}", "EL123456789"),
    "HR": ("HR", r"[0-9]{11}", "HR12345678901"), "HU": ("HU", r"[0-9]{8}", "HU12345678"),
    "IE": ("IE", r"[0-9][0-9A-Z+*][0-9]{5}[A-Z]{1,2}", "IE1234567WA"), "IT": ("IT", r"[0-9]{11}", "IT12345678901"),
    "LT": ("LT", r"[0-9]{9}|[0-9]{12}", "LT123456789"), "LU": ("LU", r"[0-9]{8}", "LU12345678"),
    "LV": ("LV", r"[0-9]{11}", "LV12345678901"), "MT": ("MT", r"[0-9]{8}", "MT12345678"),
    "NL": ("NL", r"[0-9A-Z+*]{10}[0-9]{2}", "NL123456789B01"), "PL": ("PL", r"[0-9]{10}", "PL1234567890"),
    "PT": ("PT", r"[0-9]{9}", "PT123456789"), "RO": ("RO", r"[0-9]{2,10}", "RO12345678"),
    "SE": ("SE", r"[0-9]{12}", "SE123456789001"), "SI": ("SI", r"[0-9]{8}", "SI12345678"),
    "SK": ("SK", r"[0-9]{10}", "SK1234567890"),
    "GB": ("GB", r"[0-9]{9}|[0-9]{12}|(?:GD|HA)[0-9]{3}", "GB123456789"),
    "CH": ("CHE", r"[0-9]{9}(?:MWST|TVA|IVA)?", "CHE-123.456.789"), "NO": ("NO", r"[0-9]{9}(?:MVA)?", "123456789MVA"),
}
_CREDIT_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # of GB 32100: the alphabet, by value
_CREDIT_EXAMPLE = "91350100M000100Y43"
# Territories of CLDR that are no countries, or parts of other ones.
_NOT_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])


def postal_code_fault(country: str, code: str) -> str:
    """What is wrong with a postal code, in a sentence of the request's language; "" if nothing is."""
    examples = POSTAL_CODES.get(country, "")
    if not examples or _shape(country).fullmatch(plain_code(code)):
        return ""
    where, first = _country(country), examples.partition("|")[0]
    if examples.isdigit():
        return _("In %(country)s a postal code has %(count)s digits, such as %(example)s.", country=where,
                 count=len(first), example=first)
    return _("In %(country)s a postal code looks like this: %(examples)s.", country=where,
             examples=" / ".join(examples.split("|")))


@cache
def _shape(country: str) -> re.Pattern[str]:
    if country == "IE":  # letters and digits in any order at the end, which an example cannot say
        return re.compile(r"[A-Z][0-9][0-9W][0-9A-Z]{4}")
    shapes = [
        "".join("[0-9]" if one.isdigit() else "[A-Z]" for one in plain_code(example))
        for example in POSTAL_CODES[country].split("|")
    ]
    return re.compile("|".join(shapes))


def tax_number_fault(country: str, number: str) -> str:
    """What is wrong with the tax number of a company in a country, in a sentence; "" if nothing is.

    Where the country has VAT numbers, one of another country that has them will do: a company may be registered there.
    """
    plain = re.sub(r"[./]", "", plain_code(number))
    if country == "CN":
        return _credit_code_fault(plain)
    if country in VAT:
        prefix, _pattern, example = VAT[country]
        if any(_is_vat(plain, *VAT[one][:2]) for one in VAT) or _is_vat(prefix + plain, *VAT[country][:2]):
            return ""
        return _("In %(country)s it is the VAT ID, such as %(example)s.", country=_country(country), example=example)
    if re.fullmatch(r"[0-9A-Z]{4,20}", plain):
        return ""
    return _("4 to 20 letters and digits.")


def _is_vat(plain: str, prefix: str, pattern: str) -> bool:
    return plain.startswith(prefix) and re.fullmatch(pattern, plain.removeprefix(prefix)) is not None


def _credit_code_fault(plain: str) -> str:
    """A unified social credit code: 17 characters and one that checks them. Source: GB 32100-2015."""
    if len(plain) != 18 or not set(plain) <= set(_CREDIT_CODE):
        return _("In China it is the unified social credit code: 18 digits and capital letters without I, O, S, V and "
                 "Z, such as %(example)s.", example=_CREDIT_EXAMPLE)
    total = sum(_CREDIT_CODE.index(one) * pow(3, place, 31) for place, one in enumerate(plain[:17]))
    if _CREDIT_CODE[-total % 31] != plain[17]:
        return _("The last character of this unified social credit code does not fit the others. Is one mistyped?")
    return ""


def is_country(code: str) -> bool:
    """Whether it is the code of a country (ISO 3166-1 alpha-2, and Kosovo's)."""
    return code in dict(countries_in("en"))


@cache
def countries_in(language: str) -> tuple[tuple[str, str], ...]:
    """Every country as (code, name), by its name in `zh` or `en`."""
    names = Locale.parse(LOCALES[language]).territories
    every = [(code, name) for code, name in names.items() if re.fullmatch("[A-Z]{2}", code)]
    return tuple(sorted((one for one in every if one[0] not in _NOT_COUNTRIES), key=lambda one: one[1]))


def _country(code: str) -> str:
    return country_name(code, language_of(str(get_locale() or "en")))
