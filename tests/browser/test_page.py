"""The report in a real browser: what it asks for, what is read on it, and how it fits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.formats.review.html import html_text
from migrate.gate.history import History
from migrate.reporting.review import build_report
from tests.browser.chromium import Browser, Page
from tests.reporting.hostile import hostile
from tests.reporting.story import migration

pytestmark = pytest.mark.xdist_group("browser")

LEAST = 4.5
"""WCAG 2.2, AA: contrast of text."""

A4 = 688
"""CSS pixels between the margins of a page."""

CONTRASTS = """
(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).slice(0, 3).map((one) => {
      const share = one / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((numbers(color)[3] ?? 1) === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || element.closest('title, desc')) continue;
    const style = getComputedStyle(element);
    const ink = element.closest('svg') ? style.fill : style.color;
    const [one, other] = [light(ink), light(behind(element))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), walk.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
})()
"""

OVERLAPS = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll('figure svg')) {
    if (!svg.getClientRects().length) continue;
    const frame = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll('text')];
    const texts = words.map((one) => [one.getBoundingClientRect(), one.textContent]);
    for (const [box, said] of texts) {
      if (box.right > frame.right + 1 || box.left < frame.left - 1) found.push(`outside: ${said}`);
    }
    texts.forEach(([a, one], at) => texts.slice(at + 1).forEach(([b, other]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 3) found.push(`${one} / ${other}`);
    }));
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_text(build_report(migration())))
    return path


def text(page: Page) -> str:
    return str(page.value("document.body.innerText"))


def test_it_asks_for_nothing_and_the_console_is_silent(browser: Browser, file: Path) -> None:
    with browser.page(file) as page:
        assert page.requests == [file.resolve().as_uri()]
        assert page.complaints == []


def test_a_page_that_asks_for_something_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "other.html"
    path.write_text("<!doctype html><img src='picture.png'><script>console.error('here')</script>")
    with browser.page(path) as page:
        assert len(page.requests) == 2
        assert any("here" in one for one in page.complaints)


def test_everything_is_there_with_script_off(browser: Browser, file: Path) -> None:
    with browser.page(file) as page:
        assert page.value("document.querySelectorAll('script').length") == 0
        expected = text(page)
    with browser.page(file, script=False) as page:
        assert text(page) == expected
    told = build_report(migration())
    assert "May the fallback be deleted?" in expected
    for door in told["doors"]:
        for one in door["conditions"]:
            assert one["name"] in expected
            assert one["said"] in expected
    for one in told["timeline"]:
        assert one["said"] in expected
    for one in told["unseen"]:
        assert one in expected
    assert "the preview of the payment team is bound to another namespace" in expected


def test_its_policy_lets_no_script_run_and_nothing_be_loaded(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    page_text = file.read_text()
    planted = tmp_path / "planted.html"
    extra = "<script>document.title = 'ran'</script><img src='picture.png'><p style='color: red' id=p>x</p>"
    planted.write_text(page_text.replace("</body>", f"{extra}</body>"))
    with browser.page(planted) as page:
        assert page.value("document.title") != "ran"
        assert page.value("getComputedStyle(document.getElementById('p')).color") != "rgb(255, 0, 0)"
        assert len(page.requests) - page.refused == 1
        assert len(page.complaints) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_has_contrast(browser: Browser, file: Path, *, dark: bool) -> None:
    with browser.page(file, dark=dark) as page:
        found = page.value(CONTRASTS)
    assert len(found) > 400
    assert [one for one in found if one[0] < LEAST] == []


def test_light_and_dark_differ(browser: Browser, file: Path) -> None:
    pictures, papers = [], []
    for dark in (False, True):
        with browser.page(file, dark=dark) as page:
            pictures.append(page.picture(height=900))
            papers.append(page.value("getComputedStyle(document.documentElement).backgroundColor"))
    assert pictures[0] != pictures[1]
    light, darker = (sum(map(int, re.findall(r"\d+", one)[:3])) for one in papers)
    assert (light > 700, darker < 100) == (True, True)


@pytest.mark.parametrize("width", [320, 400, 800, 977, 1200, 1920])
def test_nothing_scrolls_sideways(browser: Browser, file: Path, width: int) -> None:
    with browser.page(file, width=width) as page:
        assert page.value("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [400, 1200])
def test_no_words_of_a_plot_lie_over_each_other_or_leave_it(browser: Browser, file: Path, width: int) -> None:
    with browser.page(file, width=width) as page:
        page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.value(OVERLAPS) == []
        small = "[...document.querySelectorAll('svg text')].filter((one) => one.getClientRects().length)"
        sizes = page.value(f"{small}.map((one) => one.getBoundingClientRect().height)")
        assert min(sizes) >= 11


def test_every_plot_is_named_and_described_and_stands_beside_a_table(browser: Browser, file: Path) -> None:
    with browser.page(file) as page:
        pictures = page.named_pictures()
        assert len(pictures) >= 7
        assert all(name and described for name, described in pictures)
        assert len({name for name, _ in pictures}) == len(pictures)
        beside = (
            "[...document.querySelectorAll('figure')].map((one) => one.parentElement.querySelector('table'))"
        )
        assert page.value(f"{beside}.every(Boolean)")


def test_no_meaning_is_told_by_colour_alone(browser: Browser, file: Path) -> None:
    with browser.page(file) as page:
        words = "[...document.querySelectorAll('.word, h2 > span, h3 > span')]"
        coloured = page.value(f"{words}.map((one) => one.textContent.trim())")
        assert len(coloured) > 50
        assert [one for one in coloured if not re.match(r"[✓✗?–!] \w", one)] == []


def test_ids_are_unique_and_every_link_and_label_leads_somewhere(browser: Browser, file: Path) -> None:
    with browser.page(file) as page:
        ids = page.value("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))
        links = page.value("[...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
        assert links
        assert {one.removeprefix("#") for one in links} <= set(ids)
        words = page.value(
            "[...document.querySelectorAll('[aria-labelledby], [aria-describedby]')].flatMap((one) =>"
            " [one.getAttribute('aria-labelledby'), one.getAttribute('aria-describedby')]).filter(Boolean)"
        )
        assert {name for one in words for name in one.split()} <= set(ids)


def test_print_gives_pages_with_everything_unfolded_and_on_white(browser: Browser, file: Path) -> None:
    with browser.page(file, dark=True) as page:
        printed = page.printed()
        assert printed.startswith(b"%PDF-")
        pages = len(re.findall(rb"/Type\s*/Page\b", printed))
        assert 4 <= pages <= 40
        page.call("Emulation.setEmulatedMedia", media="print")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=A4, height=1000, deviceScaleFactor=1, mobile=False
        )
        assert page.value("document.documentElement.scrollWidth") == A4
        assert (
            page.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"
        folded = (
            "[...document.querySelectorAll('details:not([open]) table')].map((one) => one.checkVisibility())"
        )
        assert page.value(f"{folded}.length") > 4
        assert page.value(f"{folded}.every(Boolean)")
        page.call("Emulation.setEmulatedMedia", media="screen")
        assert not page.value(f"{folded}.some(Boolean)")


def test_a_report_without_any_evidence_is_readable_too(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    found = migration(history=History())
    path.write_text(html_text(build_report(replace(found, bundle=replace(found.bundle, exhibits=())))))
    with browser.page(path, width=400) as page:
        assert (page.complaints, len(page.requests)) == ([], 1)
        assert page.value("document.documentElement.scrollWidth") == 400
        assert "nothing says whether the stores agree" in text(page)
        assert "Not shown" in text(page)


def test_hostile_words_are_words(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    document, words = hostile()
    path.write_text(html_text(document))
    with browser.page(path) as page:
        assert (page.complaints, len(page.requests)) == ([], 1)
        assert page.value("document.title").startswith("kvferry")
        there: dict[str, Any] = json.loads(
            page.value("JSON.stringify({s: document.scripts.length, i: document.images.length})")
        )
        assert there == {"s": 0, "i": 0}
        shown = text(page)
        for word in words:
            assert word in shown
