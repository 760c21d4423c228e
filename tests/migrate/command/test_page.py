"""The page for a browser: what is in it, and in headless Chromium that it filters,
chooses and fits."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.command.request import Request
from migrate.model import FileConverted, FileUnchanged, Note, RuleConverted, RuleLeft
from migrate.reports.page import page
from tests.support.browser import DRIVER, Browser
from tests.support.command import BROKEN, MIXED, RULE, Command

browser_wanted = pytest.mark.skipif(DRIVER is None, reason="needs chromium and chromium-driver")


def rule(name: str, *notes: Note, after: str = "def new(x): ...") -> RuleConverted:
    before = f"@adjoint\ndef {name}(x: Optional[int]):\n    return '<b>&'"
    return RuleConverted(f"id-{name}", name, f"np.{name}", 3, 5, 4, 6, before, after, notes)


OUTCOMES = [
    FileConverted(
        "pkg/one.py",
        b"",
        b"",
        (
            rule("sin", Note("RM201", "look <here> [int]", 4)),
            rule("cos", after="@adjoint\ndef cos(x: Optional[float]):\n    return '<b>&'"),
        ),
        (RuleLeft("id-fill", "fill", "fill", 20, 25, "RM301", "it has side effects"),),
    ),
    FileConverted("pkg/two 'x'.py", b"", b"", (rule("tan", after="x = '" + "long " * 100 + "'"),)),
    FileUnchanged("pkg/plain.py"),
]
REQUEST = Request(paths=("pkg", "it's"), given={"legacy_modules": ("my.compat",)})


def test_the_command_writes_it_and_nothing_else(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    (folder / "bad.py").write_bytes(BROKEN)
    done = command("--report", "review.html", ".")
    assert done.code == 2
    assert (folder / "rules.py").read_bytes() == MIXED
    text = (folder / "review.html").read_text()
    assert "double" in text
    assert "fill" in text
    assert "bad.py" in text
    assert sorted(path.name for path in folder.iterdir()) == ["bad.py", "review.html", "rules.py"]


def test_the_exit_code_is_that_of_the_other_options(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    assert command("--report", "review.html", ".").code == 0
    assert command("--report", "review.html", "--check", ".").code == 1


def test_everything_is_escaped_and_nothing_is_fetched() -> None:
    text = page(OUTCOMES, REQUEST)
    assert "look &lt;here&gt; [int]" in text
    assert "<here>" not in text
    assert "Optional" in text
    assert "plain.py" not in text
    assert not re.findall(r"(?:src|href)=(?!\"data:)", text)
    assert "://" not in text


def test_changed_tokens_are_marked() -> None:
    text = page(OUTCOMES, REQUEST)
    assert "Optional[<del>int</del>]" in text
    assert "Optional[<ins>float</ins>]" in text


def test_a_plan_is_named_in_the_command() -> None:
    text = page(OUTCOMES, Request(paths=("pkg",), plan="my plan.json"))
    assert 'data-prefix="rrule-migrate --apply &#x27;my plan.json&#x27;" data-suffix=""' in text


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "review.html"
    file.write_text(page(OUTCOMES, REQUEST))
    return file.as_uri()


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def opened(window: Browser, address: str) -> Browser:
    window.open(address)
    return window


COMMAND = "return document.getElementById('command').value"
SHOWN = """return [...document.querySelectorAll('article')]
    .filter((article) => !article.closest('[hidden]')).map((article) => article.querySelector('h3').textContent
    .trim().split(' ')[0])"""


@browser_wanted
def test_all_rules_are_chosen_at_first(opened: Browser) -> None:
    assert opened.run(COMMAND) == """rrule-migrate --legacy-module my.compat pkg 'it'"'"'s'"""
    assert (
        opened.run("return document.getElementById('count').textContent")
        == "3 of 3 rules chosen, in 2 files"
    )
    assert opened.complaints() == []


@browser_wanted
def test_the_command_names_the_chosen_rules(opened: Browser) -> None:
    opened.click("[data-id=id-cos]")
    assert "--only id-sin,id-tan pkg" in opened.run(COMMAND)
    opened.click("#nothing")
    assert opened.run(COMMAND) == "# choose at least one rule"


@browser_wanted
def test_filters(opened: Browser) -> None:
    assert opened.run(SHOWN) == ["sin", "cos", "fill", "tan"]
    opened.type("#code", "RM301")
    assert opened.run(SHOWN) == ["fill"]
    opened.open(opened.run("return location.href"))
    opened.type("#file", "pkg/two")
    assert opened.run(SHOWN) == ["tan"]
    opened.open(opened.run("return location.href"))
    opened.type("#text", "side effects")
    assert opened.run(SHOWN) == ["fill"]
    opened.type("#text", " of what is nowhere")
    assert opened.run(SHOWN) == []
    assert opened.run("return !document.getElementById('none').hidden")


@browser_wanted
def test_what_is_left_can_be_shown_alone(opened: Browser) -> None:
    opened.type("#kind", "rules left")
    assert opened.run(SHOWN) == ["fill"]
    opened.open(opened.run("return location.href"))
    opened.type("#kind", "rules to")
    assert opened.run(SHOWN) == ["sin", "cos", "tan"]
    kinds = "return [...document.querySelectorAll('#kind option')].map((one) => one.textContent)"
    assert opened.run(kinds) == ["everything", "rules to convert (3)", "rules left (1)"]


def test_what_is_left_is_shown_with_its_source(folder: Path, command: Command) -> None:
    """Also in a file in which nothing is converted; a method with its indentation and its class."""
    left = MIXED[MIXED.index(b"def fill") :]
    (folder / "a.py").write_bytes(MIXED)
    (folder / "b.py").write_bytes(
        b"from zygote_rules import adjoint\n\n\nclass Tank:\n"
        + textwrap.indent(left.decode(), "    ").encode()
    )
    command("--report", "page.html", ".")
    text = (folder / "page.html").read_text()
    assert "<code>@adjoint(mutating=True)\ndef fill(x):\n    def back(dy):" in text
    assert "<code>    @adjoint(mutating=True)\n    def fill(x):" in text
    assert "in class Tank, line" in text


@browser_wanted
def test_choosing_holds_for_what_is_shown(opened: Browser) -> None:
    opened.type("#text", "tan")
    opened.click("#nothing")
    assert "--only id-sin,id-cos pkg" in opened.run(COMMAND)


@browser_wanted
def test_keys(opened: Browser) -> None:
    focused = "return document.activeElement.querySelector('h3')?.textContent.trim().split(' ')[0]"
    opened.press("j")
    opened.press("j")
    assert opened.run(focused) == "cos"
    opened.press("x")
    assert "--only id-sin,id-tan" in opened.run(COMMAND)
    opened.press("k")
    assert opened.run(focused) == "sin"
    assert (
        opened.run("return document.querySelectorAll('input:not([type]),select,label').length") > 0
    )


@browser_wanted
@pytest.mark.parametrize("dark", [False, True])
def test_at_400_pixels_nothing_is_cut_off_and_it_can_be_read(address: str, dark: bool) -> None:
    with Browser(400, dark=dark) as browser:
        browser.open(address)
        assert browser.run("return innerWidth") == 400
        assert browser.run("return document.documentElement.scrollWidth") <= 400
        assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") is dark
        for selector in (
            "body",
            "pre",
            ".line.del",
            ".line.ins",
            "del",
            "ins",
            ".code",
            "details",
            "#command",
        ):
            assert browser.run(CONTRAST, selector) >= 4.5, selector


CONTRAST = """
function rgb(text) { return text.match(/[\\d.]+/g).map(Number); }
function light(colour) {
  const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
let element = document.querySelector(arguments[0]);
const text = rgb(getComputedStyle(element).color).slice(0, 3);
while (element && rgb(getComputedStyle(element).backgroundColor)[3] === 0) element = element.parentElement;
const back = element ? rgb(getComputedStyle(element).backgroundColor).slice(0, 3) : [255, 255, 255];
const [one, two] = [light(text), light(back)];
return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
"""
