"""The report in a real browser, where Chromium and its driver are installed."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hybridrec import Recommender

if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("needs chromium and chromedriver", allow_module_level=True)

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

OFFLINE = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES = {"wide": (1280, 900), "narrow": (360, 780)}


@pytest.fixture(scope="module")
def pages(recommender: Recommender, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of three users, ten items, segments and the catalogue, in both languages."""
    told = recommender.report(
        users=recommender.users[:3],
        items=recommender.items[:10],
        segments=True,
        catalogue=True,
        exclude="seen",
        shop_name="Corner Shop",
    )
    directory = tmp_path_factory.mktemp("report")
    for language in ("en", "zh"):
        told.to_html(directory / f"{language}.html", language)
    return {language: directory / f"{language}.html" for language in ("en", "zh")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (*OFFLINE, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(params=[(language, size) for language in ("en", "zh") for size in SIZES])
def opened(request: pytest.FixtureRequest, browser: Chrome, pages: dict[str, Path]) -> Chrome:
    language, size = request.param
    width, height = SIZES[size]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get_log("browser")
    browser.get(pages[language].as_uri())
    return browser


def test_nothing_is_wrong_in_the_console(opened):
    assert opened.get_log("browser") == []


def test_nothing_is_fetched(opened):
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_nothing_reaches_beyond_the_window(opened):
    for details in opened.find_elements(By.TAG_NAME, "details"):
        opened.execute_script("arguments[0].open = true", details)
    wide = "return [document.documentElement.scrollWidth, window.innerWidth]"
    width, window = opened.execute_script(wide)
    assert width <= window


def test_every_entry_of_the_contents_leads_to_a_heading(opened):
    links = opened.find_elements(By.CSS_SELECTOR, "nav a")
    assert len(links) == 2 + 10 + 3
    for link in links:
        target = opened.find_element(By.ID, link.get_attribute("href").partition("#")[2])
        assert target.tag_name == "h2"
        assert target.text


def test_headings_leave_out_no_level(opened):
    levels = [int(h.tag_name[1]) for h in opened.find_elements(By.CSS_SELECTOR, "h1,h2,h3,h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pictures_have_words_or_are_hidden_from_screen_readers(opened):
    unnamed = opened.execute_script(
        "return [...document.querySelectorAll('svg')].filter(svg =>"
        " !svg.closest('[aria-hidden=true]') && !(svg.getAttribute('role') == 'img'"
        " && svg.getAttribute('aria-label'))).length"
    )
    assert unnamed == 0


def test_every_cell_of_a_table_stands_under_a_header(opened):
    ragged = opened.execute_script(
        "return [...document.querySelectorAll('table.table')].filter(table => table.tHead &&"
        " [...table.tBodies[0].rows].some(row =>"
        " row.cells.length != table.tHead.rows[0].cells.length)).length"
    )
    assert ragged == 0


def test_numbers_open_from_the_keyboard(opened):
    details = opened.find_element(By.TAG_NAME, "details")
    assert not details.get_property("open")
    opened.execute_script("arguments[0].focus()", details.find_element(By.TAG_NAME, "summary"))
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert details.get_property("open")
    assert details.find_element(By.TAG_NAME, "table").is_displayed()


def test_it_prints(opened):
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert len(printed["data"]) > 10_000
