"""`python -m tests.screenshots [FOLDER]`: walk through the demo house and take its pictures."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from sqlmodel import select

from catalog.rows import Company
from configurator import db
from configurator.config import load_settings
from configurator.sales.accounts import account_link
from tests.benchmarks.house import environment, forget_seeded, seeded_folder, serving
from tests.browser import find

HERE = Path(__file__).parent
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
BICYCLE = "/products/bicycle?size=l&colour=forest&gears=hub_8&drive=belt&tyres=t47&fork=suspension&rack=tour"
WARDROBE = "/products/wardrobe?niche_width=2750&module_1_inside=double&module_2_inside=shelves&module_3_inside=mixed"
PUMPS = "/products/pump_station?flow=60&head=70&standby=one&outlets=2&gateway=mobile"
NEED = "/products/pump_station/start?find-start=1&flow=60&head=70&need-watch=yearly"
COMPARED = "/products/bicycle/compare?colour=navy&gears=hub_8&compare-with=colour:sun;drive:belt%7Cchild_seat:recline"
REFUSED = "/products/bicycle?size=l&colour=forest&gears=derailleur_12&drive=belt"
A_WIDE_BAR = """() => {
  const bars = [...document.querySelectorAll("article.bar")].map((bar) => bar.getBoundingClientRect());
  const bar = bars.find((box) => box.width > 35 && box.width < 80 && box.left > 300 && box.bottom < 800);
  return [bar.left + bar.width / 2, bar.top + bar.height / 2];
}"""
BUYER = {
    "name": "李雷", "mail": "lilei@example.com", "street": "太湖大道 100 号", "postal_code": "214000", "city": "无锡"
}


class Album:
    """Takes pictures of one house."""

    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self._browser, self._address, self._folder = browser, address, folder

    @contextmanager
    def visitor(self, lang: str = "en", width: int = 1280, height: int = 860, role: str = "") -> Iterator[Page]:
        """A page of a visitor, or of the demo user of a role."""
        context = self._browser.new_context(
            base_url=self._address, viewport={"width": width, "height": height}, locale=LANGUAGES[lang],
            reduced_motion="reduce",
        )
        page = context.new_page()
        if role:
            page.goto(f"/login?lang={lang}")
            page.fill("[name=login]", role)
            page.fill("[name=password]", f"demo-{role}")
            page.locator("main form [type=submit]").first.click()
            page.wait_for_url(lambda url: "/login" not in url)
        yield page
        context.close()

    def take_all(self, page: Page, name: str, path: str) -> None:
        """Four pictures of one address: in both languages, wide and on a phone."""
        for lang in LANGUAGES:
            page.goto(f"{path}?lang={lang}")
            for size, width, height in (("", 1280, 860), ("-phone", 390, 844)):
                page.set_viewport_size({"width": width, "height": height})
                self.take(page, f"{name}{size}{'' if lang == 'en' else f'-{lang}'}")

    def take(self, page: Page, name: str) -> None:
        """One picture of what is on the screen, without a pointer or a half-loaded part."""
        page.wait_for_load_state("networkidle")
        page.screenshot(path=self._folder / f"{name}.png")
        print(name)


def buyer(album: Album) -> None:
    """Configure, be refused, order, track, change."""
    with album.visitor() as page:
        page.goto(BICYCLE)
        album.take(page, "configure")
        page.goto(REFUSED)
        album.take(page, "why-not")
        for name, path in {"wardrobe": WARDROBE, "pump-station": PUMPS, "start": NEED, "compare": COMPARED}.items():
            page.goto(path)
            album.take(page, name)
    with album.visitor("zh", 390, 844) as page:
        page.goto(BICYCLE)
        album.take(page, "phone-zh")
    with album.visitor("zh") as page:
        page.goto(BICYCLE)
        page.locator("form[action*='/order'] [type=submit]").first.click()
        page.wait_for_url("**/checkout/**")
        for field, value in BUYER.items():
            page.fill(f"[name={field}]", value)
        album.take(page, "checkout-zh")
        page.locator("form:has([name=postal_code]) [type=submit]").first.click()
        page.wait_for_url("**/orders/**")
        album.take(page, "order-zh")
        order = page.url
        page.goto(f"{order}/items/1/change?colour=navy&stand=none")
        album.take(page, "change-zh")
    with album.visitor("en", 390, 844) as page:
        page.goto(order)
        album.take(page, "order-phone")
        page.goto(f"{order}/items/1/change?colour=navy&stand=none")
        album.take(page, "change-phone")


def account(album: Album, link: str) -> None:
    """Ask for the link, make the account with it, look at what is in it."""
    with album.visitor() as page:
        album.take_all(page, "account-link", "/account/link")
        album.take_all(page, "account-new", f"/account/open/{link}")
        page.fill("#name", BUYER["name"])
        page.fill("#password", "a long password")
        page.locator("main form [type=submit]").click()
        page.wait_for_url("**/account")
        album.take_all(page, "account", "/account")


def link_for(data: Path, mail: str) -> str:
    """What the mail to somebody without an account would bring."""
    settings = load_settings(environment(data))
    database = db.connect(settings.database)
    with database.reading() as session:
        company_id = session.exec(select(Company.id)).one()
    link = account_link(company_id or 0, mail, {}, secret=settings.secret_key)
    database.close()
    assert link is not None
    return link


def desk(album: Album) -> None:
    """The planner's board and the sales desk."""
    with album.visitor("en", height=1040, role="planner") as page:
        page.goto("/planning/?lang=en")
        page.wait_for_selector("article.bar")
        page.wait_for_load_state("networkidle")
        page.mouse.click(*page.evaluate(A_WIDE_BAR))
        page.wait_for_selector("article.bar.chosen")
        album.take(page, "board")
    with album.visitor("en", role="sales") as page:
        page.goto("/sales/orders?lang=en")
        album.take(page, "sales")


def main(folder: Path) -> None:
    """Take all pictures into `folder`."""
    try:
        with seeded_folder() as data, serving(data) as port, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox", "--disable-gpu"])
            album = Album(browser, f"http://127.0.0.1:{port}", folder)
            buyer(album)
            account(album, link_for(data, BUYER["mail"]))
            desk(album)
            browser.close()
    finally:
        forget_seeded()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
