"""Settings: unsafe or impossible ones start nothing, and every fault has its own line."""

import stat
from pathlib import Path

import pytest

from configurator.config import Settings, UnsafeSettings, descriptions, load_settings

ROOT = Path(__file__).parent.parent.parent
SAFE = {
    "CONFIGURATOR_SECRET_KEY": "k" * 48,
    "CONFIGURATOR_TRUSTED_HOSTS": "shop.example.com",
    "CONFIGURATOR_PUBLIC_URL": "https://shop.example.com",
}


def test_safe_production_settings_are_accepted() -> None:
    settings = load_settings(SAFE)
    assert settings.mode == "production"
    assert settings.cookies_over_https_only


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"CONFIGURATOR_SECRET_KEY": ""}, "CONFIGURATOR_SECRET_KEY"),
        ({"CONFIGURATOR_SECRET_KEY": "change-me"}, "CONFIGURATOR_SECRET_KEY"),
        ({"CONFIGURATOR_SECRET_KEY": "k" * 31}, "CONFIGURATOR_SECRET_KEY"),
        ({"CONFIGURATOR_TRUSTED_HOSTS": " , "}, "CONFIGURATOR_TRUSTED_HOSTS"),
        ({"CONFIGURATOR_TRUSTED_HOSTS": "*"}, "CONFIGURATOR_TRUSTED_HOSTS"),
        ({"CONFIGURATOR_PUBLIC_URL": ""}, "CONFIGURATOR_PUBLIC_URL"),
        ({"CONFIGURATOR_PUBLIC_URL": "javascript:alert(1)"}, "CONFIGURATOR_PUBLIC_URL"),
        ({"CONFIGURATOR_SECURE_COOKIES": "no"}, "CONFIGURATOR_SECURE_COOKIES"),
        ({"CONFIGURATOR_SECURE_COOKIES": "maybe"}, "CONFIGURATOR_SECURE_COOKIES"),
        ({"CONFIGURATOR_MODE": "debug"}, "CONFIGURATOR_MODE"),
        ({"CONFIGURATOR_PORT": "0"}, "CONFIGURATOR_PORT"),
        ({"CONFIGURATOR_PORT": "eighty"}, "CONFIGURATOR_PORT"),
        ({"PORT": "70000"}, "CONFIGURATOR_PORT"),
        ({"CONFIGURATOR_PROXIES": "-1"}, "CONFIGURATOR_PROXIES"),
        ({"CONFIGURATOR_LOGIN_ATTEMPTS": "0"}, "CONFIGURATOR_LOGIN_ATTEMPTS"),
        ({"CONFIGURATOR_DATABASE_URL": "mysql://db/x"}, "CONFIGURATOR_DATABASE_URL"),
        ({"CONFIGURATOR_SMTP_URL": "mail.example.com"}, "CONFIGURATOR_SMTP_URL"),
        ({"CONFIGURATOR_LOG_LEVEL": "LOUD"}, "CONFIGURATOR_LOG_LEVEL"),
        ({"CONFIGURATOR_CLICK_SECONDS": "nan"}, "CONFIGURATOR_CLICK_SECONDS"),
        ({"CONFIGURATOR_SECRET_KEI": "k" * 48}, "CONFIGURATOR_SECRET_KEI"),  # a misspelt setting is not overlooked
    ],
)
def test_an_unsafe_or_impossible_setting_is_refused_by_name(changed: dict[str, str], named: str) -> None:
    with pytest.raises(UnsafeSettings, match=named):
        load_settings(SAFE | changed)


def test_every_fault_has_its_own_line() -> None:
    with pytest.raises(UnsafeSettings) as refused:
        load_settings({"CONFIGURATOR_PORT": "0"})
    lines = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "CONFIGURATOR_PORT", "CONFIGURATOR_SECRET_KEY", "CONFIGURATOR_TRUSTED_HOSTS", "CONFIGURATOR_PUBLIC_URL",
    ]


def test_a_demo_draws_a_secret_once_and_keeps_it_to_itself(tmp_path: Path) -> None:
    demo = {"CONFIGURATOR_MODE": "demo", "CONFIGURATOR_DATA": str(tmp_path)}
    first = load_settings(demo).secret_key
    assert len(first) >= 32
    assert load_settings(demo).secret_key == first
    assert stat.S_IMODE((tmp_path / "demo-secret").stat().st_mode) == 0o600


def test_the_short_port_works_and_the_long_one_wins(tmp_path: Path) -> None:
    demo = {"CONFIGURATOR_MODE": "demo", "CONFIGURATOR_DATA": str(tmp_path), "PORT": "8001"}
    assert load_settings(demo).port == 8001
    assert load_settings(demo | {"CONFIGURATOR_PORT": "8002"}).port == 8002


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(public_url="https://shop.example.com/"), "https://shop.example.com"),
        (Settings(port=8001), "http://localhost:8001"),
        (Settings(host="0.0.0.0", port=8001), "http://localhost:8001"),  # nobody can open 0.0.0.0
        (Settings(host="192.0.2.7"), "http://192.0.2.7:8000"),
    ],
)
def test_the_address_is_what_people_can_open(settings: Settings, address: str) -> None:
    assert settings.address == address


def test_the_readme_lists_every_setting_as_the_program_describes_it() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [name for name, text in descriptions().items() if f"| `{name}` |" not in readme or text not in readme]
    assert missing == []
