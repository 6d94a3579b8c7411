"""The documentation site, built as `make docs` builds it: whole, without a broken link, and without another host."""

from __future__ import annotations

import doctest
import functools
import http.server
import inspect
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from support.browser import CHROMIUM, browser

import yolo_tl
from yolo_tl.cli.main import COMMANDS, main
from yolo_tl.config import ExportConfig, TrainConfig, flatten_schema
from yolo_tl.presets import presets

ROOT = Path(__file__).resolve().parents[2]
LOADING = {"href": ("link",), "src": ("script", "img", "iframe", "source", "video"), "action": ("form",)}


@dataclass
class Html(HTMLParser):
    """What a page refers to, what can be referred to in it, and its words."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=lambda: {""})
    data: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in LOADING and tag in LOADING[name]:
                self.loaded.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.data.append(data)

    @property
    def text(self) -> str:
        """All words of the page with single spaces."""
        return " ".join("".join(self.data).split())


def read(page: Path) -> Html:
    html = Html()
    html.feed(page.read_text("utf-8"))
    html.close()
    return html


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a warning ends the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Html]:
    return {page: read(page) for page in sorted(site.rglob("*.html"))}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Html]) -> None:
    assert len(pages) > 60
    links = [(page, link) for page, html in pages.items() for link in html.links + html.loaded]
    inside = [(page, link) for page, link in links if not urlsplit(link).scheme and page.name != "404.html"]
    assert len(inside) > 1000
    broken = [
        f"{page.relative_to(site)}: {link}" for page, link in inside if not leads_somewhere(site, pages, page, link)
    ]
    assert broken == []
    assert {urlsplit(link).scheme for _, link in links} == {"", "https"}


def leads_somewhere(site: Path, pages: dict[Path, Html], page: Path, link: str) -> bool:
    """Whether a link within the site leads to a file of it, and to an anchor that the file has."""
    path, anchor = map(unquote, urlsplit(link)[2::2])
    target = (page.parent / path).resolve() if path else page
    if not target.is_file() or not target.is_relative_to(site):
        return False
    return not anchor or target.suffix != ".html" or anchor in pages[target].anchors


def test_nothing_comes_from_another_host(site: Path, pages: dict[Path, Html]) -> None:
    for page, html in pages.items():
        assert [address for address in html.loaded if urlsplit(address).netloc] == [], page
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text("utf-8")


def test_what_the_guides_link_outside_is_in_the_site(site: Path, pages: dict[Path, Html]) -> None:
    assert "benchmarks/finetune.html" in pages[site / "training.html"].links
    assert "import" in pages[site / "benchmarks" / "labelling.py.html"].text
    assert (site / "CHANGELOG.html") in pages


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page(site: Path, pages: dict[Path, Html], name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    page = site / f"reference/commands/{name}.html"
    words, source = pages[page].text, page.read_text("utf-8")
    commands = [command, *getattr(command, "commands", {}).values()]
    for described in commands:
        for parameter in described.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert all(f"<code>{option}</code>" in source for option in parameter.opts), parameter.opts
        for example in getattr(described, "examples", ()):
            assert " ".join(example.line.split()) in words
    assert "Exit codes" in words
    assert f"{name}.html" in pages[site / "reference/commands/index.html"].links


def test_every_public_name_is_described(site: Path, pages: dict[Path, Html]) -> None:
    anchors = set().union(*(html.anchors for page, html in pages.items() if page.parent.name == "python"))
    for name in yolo_tl.__all__:
        value = getattr(yolo_tl, name)
        assert f"{value.__module__}.{value.__qualname__}" in anchors, name
        said = inspect.getdoc(value)
        assert said, name
        parameters = () if inspect.isclass(value) else inspect.signature(value).parameters
        unsaid = {each for each in parameters if not re.search(rf"^ +{each}: ", said, re.MULTILINE)}
        assert unsaid <= {"a", "b"}, name  # two things that are compared: the first line says it


def test_parameters_results_and_methods_are_described(site: Path, pages: dict[Path, Html]) -> None:
    training = pages[site / "reference/python/training.html"]
    assert "raise if the classes that the weights knew are found worse than before." in training.text
    assert "the best checkpoint, selected on val." in training.text  # an attribute of what is returned
    assert "yolo_tl.api.training.TrainResult" in training.anchors
    edge = pages[site / "reference/python/edge.html"].anchors
    assert {f"yolo_tl.edge.detector.Detector.{name}" for name in ("__call__", "observe")} <= edge  # of its base


@pytest.mark.parametrize("page, schema, kind", [("train", TrainConfig, "train"), ("export", ExportConfig, "export")])
def test_every_key_and_preset_is_described(site, pages, page, schema, kind) -> None:
    html = pages[site / "reference" / "configuration" / f"{page}.html"]
    assert set(flatten_schema(schema)) <= set(html.text.split()) | {"stages"}
    assert set(presets(kind)) <= html.anchors


def test_every_error_and_exit_code_is_described(site: Path, pages: dict[Path, Html]) -> None:
    import yolo_tl.errors as errors

    words = set(pages[site / "reference" / "errors.html"].text.split())
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.YoloTLError)]
    assert {kind.__name__ for kind in kinds} <= words
    assert {str(kind.exit_code) for kind in kinds} | {"0", "10", "11", "12"} <= words


def test_own_exit_codes_are_those_of_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page says of an exit code stands in the help or in an option of the command."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    from reference.commands import OWN_CODES

    for name, codes in OWN_CODES.items():
        first, *inner = name.split()
        command = main.get_command(click.Context(main), first)
        for child in inner:
            command = command.commands[child]
        options = {option for parameter in command.params for option in parameter.opts}
        said = command.help + "".join(getattr(parameter, "help", "") or "" for parameter in command.params)
        for number, what in codes.items():
            assert set(re.findall(r"`(--[a-z-]+)`", what)) <= options, name
            assert re.search(rf"\b{number}\b", said) or name == "export", (name, number)


def test_tables_and_code_keep_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    from reference import markdown

    assert doctest.testmod(markdown).attempted >= 2
    assert doctest.testmod(markdown).failed == 0
    assert markdown.fenced("```\nx\n```").startswith("````\n")
    assert markdown.text("a|b") == "a&#124;b"


def test_every_key_of_the_manifest_is_described(site: Path, pages: dict[Path, Html]) -> None:
    schema = json.loads((ROOT / "yolo_tl" / "edge" / "manifest.schema.json").read_text("utf-8"))
    words = set(pages[site / "reference" / "manifest.html"].text.split())
    assert set(schema["properties"]) <= words
    assert {f"thresholds.{key}" for key in schema["properties"]["thresholds"]["properties"]} <= words


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on a port of this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    serve = functools.partial(Handler, directory=os.fspath(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


SEARCH = """
(field => {
  field.focus()
  field.value = "overkill"
  field.dispatchEvent(new Event("input", {bubbles: true}))
  field.dispatchEvent(new Event("keyup", {bubbles: true}))
})(document.querySelector("input[name=query]"))
"""
FOUND = "document.querySelector('.md-search-result__item a[href*=glossary]')"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_it_finds_words_and_asks_no_other_host(site: Path, address: str, tmp_path: Path) -> None:
    with browser(tmp_path) as chromium:
        dark = chromium.open(site / "reference" / "commands" / "train.html", dark=True)
        assert dark.value("document.querySelector('h1').innerText").startswith("yolo-tl train")
        dark.until("document.body.dataset.mdColorScheme === 'slate'")  # as the system is
        dark.value("document.querySelectorAll('input[name=__palette]')[0].click()")
        dark.until("document.body.dataset.mdColorScheme === 'default'")
        phone = chromium.open(site / "reference" / "configuration" / "train.html", width=400)
        assert phone.value("document.documentElement.scrollWidth <= 400")
        found = []
        for start in (site / "index.html", address + "index.html"):  # files are opened without a network
            found.append(chromium.open(start))
            assert found[-1].value("document.querySelector('h1').innerText").startswith("yolo_tl")
            found[-1].value(SEARCH)  # while the tab is in front: one that is behind has no focus
            found[-1].until(FOUND)
        own = (address, site.as_uri(), "blob:")
        for page in (dark, phone, *found):
            assert page.complaints == []
            assert [url for url in page.requests if not url.startswith(own)] == []
            assert page.requests
