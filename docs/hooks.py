"""What MkDocs is told beside ``mkdocs.yml``: generated pages, and files of the repository that the guides link to.

Links in the guides are relative, as a forge shows them: ``../benchmarks/finetune.md``. Every file outside of ``docs/``
that is linked becomes a page of the site at its path in the repository (``benchmarks/finetune.md``), and the link is
turned to it. A file that is no Markdown becomes a page that shows it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from reference import commands, configuration, failures, manifest, python_names
from reference.markdown import fenced

ROOT = Path(__file__).resolve().parent.parent
IN_NAVIGATION = ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md")
PICTURES = (".png", ".svg", ".jpg")
_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")
_NAME = re.compile(r"(?<!\[)`(yolo-tl [a-z-]+|yolo_tl\.\w+)`(?!\])")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages under "Reference", and let what they describe be watched."""
    assert config.nav is not None
    (reference,) = [entry for entry in config.nav if "Reference" in entry]
    reference["Reference"] = [
        {"Commands": commands.contents()},
        {"Python": list(python_names.pages())},
        {"Configuration": list(configuration.pages())},
        *failures.pages(),
        *manifest.pages(),
    ]
    config.watch += [str(ROOT / name) for name in ("yolo_tl", "configs", "CHANGELOG.md")]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and what is linked outside of ``docs/``."""
    for path, content in _generated().items():
        files.append(File.generated(config, path, content=content))
    waiting = [(_in_repository(file.src_uri), file.content_string) for file in files.documentation_pages()]
    waiting += [(path, _page_of(path)) for path in IN_NAVIGATION]
    while waiting:
        source, text = waiting.pop()
        if files.get_file_from_path(_in_site(source)) is None:
            files.append(File.generated(config, _in_site(source), content=text, inclusion=InclusionLevel.NOT_IN_NAV))
        for target in linked_outside(source, text):
            if files.get_file_from_path(_in_site(target)) is not None:
                continue
            if target.endswith(PICTURES):
                files.append(File.generated(config, _in_site(target), abs_src_path=str(ROOT / target)))
            else:
                waiting.append((target, _page_of(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave ``docs/``, or come back, to their targets in the site; link commands and public names."""
    here = page.file.src_uri
    source = _in_repository(here)

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        return _relative(_in_site(target), here) if (ROOT / target).is_file() else match[0]

    def linked(match: re.Match[str]) -> str:
        target = _described(match[1])
        return f"[{match[0]}]({_relative(target, here)})" if target else match[0]

    written = here not in _generated()
    return _outside_fences(markdown, lambda text: _NAME.sub(linked, _LINK.sub(turned, text)) if written else text)


def linked_outside(source: str, text: str) -> Iterator[str]:
    """Paths in the repository of the files outside of ``docs/`` that a page links to."""
    for link in _LINK.findall(_FENCE.sub("", text)):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if not target.startswith(("docs/", "../")) and target != "README.md" and (ROOT / target).is_file():
            yield target


@cache
def _generated() -> dict[str, str]:
    """Path in the site → Markdown, of every generated page."""
    made: dict[str, str] = {}
    for subject in (commands, python_names, configuration, failures, manifest):
        made |= subject.pages()
    return made


def _described(name: str) -> str:
    """Where ``yolo-tl COMMAND`` or ``yolo_tl.NAME`` is described in the site; empty for what is neither."""
    if name.startswith("yolo-tl "):
        page = f"{commands.FOLDER}/{name.removeprefix('yolo-tl ')}.md"
        return page if page in _generated() else ""
    public = name.removeprefix("yolo_tl.")
    if public not in python_names.public():
        return ""
    return f"{python_names.FOLDER}/{python_names.theme_of(public)}.md#{python_names.anchor(public)}"


def _relative(target: str, page: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(page))


def _in_site(path: str) -> str:
    """Where a file of the repository is in the site."""
    if path == "README.md":  # the site has a first page of its own
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.endswith((".md", *PICTURES)) else f"{path}.md"


def _in_repository(path: str) -> str:
    """Where a page of the site is in the repository, or would be."""
    return f"docs/{path}" if (ROOT / "docs" / path).is_file() or not (ROOT / path).is_file() else path


def _page_of(path: str) -> str:
    """A file of the repository as Markdown."""
    text = (ROOT / path).read_text("utf-8")
    return text if path.endswith(".md") else f"# {path}\n\n{fenced(text, Path(path).suffix[1:])}"


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    """`text`, of which all but the code blocks is changed."""
    pieces, start = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [change(text[start : fence.start()]), fence[0]]
        start = fence.end()
    return "".join([*pieces, change(text[start:])])
