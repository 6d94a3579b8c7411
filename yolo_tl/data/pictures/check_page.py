"""The findings of the checks as one HTML file with pictures, charts and a filter; nothing is fetched."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np

from yolo_tl import __version__
from yolo_tl.data.checks import CHECKS, Example, Finding, Severity
from yolo_tl.data.checks.report import CheckReport
from yolo_tl.data.pictures.check_pictures import HEIGHT, WIDTH, shot
from yolo_tl.data.pictures.drawing import colour
from yolo_tl.data.pictures.html import HEAD
from yolo_tl.data.split import SPLITS
from yolo_tl.files import write_text

_PICTURES_EACH, _PICTURES, _BYTES = 6, 120, 4 << 20  # of a finding; of the page
_ROWS_SHOWN, _CLASSES_SHOWN = 5, 30
_KINDS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.INFO: "Worth knowing"}
_MEANING = {
    Severity.ERROR: "Training would lose or corrupt something, would not start, or could not be judged.",
    Severity.WARNING: "Likely a mistake, or costs accuracy.",
    Severity.INFO: "Nothing need be done.",
}
_SHAPES = {  # shapes as well as colours tell them apart
    Severity.ERROR: '<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/>',
    Severity.WARNING: '<path d="M8 1l7.4 13.5H.6z"/>',
    Severity.INFO: '<circle cx="8" cy="8" r="7"/>',
}
_MARKS = {
    severity: f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'
    for severity, shape in _SHAPES.items()
}


def write_page(report: CheckReport, path: Path) -> None:
    """Write the page.

    Raises:
        WriteError: it could not be written.
    """
    write_text(path, page(report))


def page(report: CheckReport) -> str:
    """The text of the page.

    Everything that comes from the data is escaped, and the page's own policy forbids to load anything.
    """
    pictures = _Pictures(report)
    parts = {
        "TITLE": escape(f"Data check: {report.data}"),
        "DATA": escape(report.data),
        "KIND": escape(f"{report.format.partition(':')[0]}, {report.task}"),
        "STATE": "bad" if report.of(Severity.ERROR) else "fair" if report.of(Severity.WARNING) else "good",
        "VERDICT": escape(_verdict(report)),
        "FACTS": _facts(report),
        "FILTERS": _filters(report),
        "FINDINGS": "".join(_group(report, severity, pictures) for severity in Severity),
        "CLASSES": _class_chart(report),
        "SIZES": _size_chart(report),
        "SPLITS": _split_table(report),
        "PASSED": _passed(report),
        "VERSION": escape(__version__),
        "STYLE": _STYLE,
        "SCRIPT": _SCRIPT,
    }
    text = re.sub("%([A-Z]+)%", lambda match: parts[match.group(1)], _PAGE)
    return text.encode("utf-8", "replace").decode()  # file names may hold what is no text


class _Pictures:
    """Pictures for a page, as many as it can bear."""

    def __init__(self, report: CheckReport) -> None:
        self.snapshot = report.snapshot
        self.left, self.bytes = _PICTURES, _BYTES

    def of(self, finding: Finding) -> str:
        """Figures of the first examples of a finding."""
        figures: list[str] = []
        for example in _by_image(finding):
            if len(figures) == _PICTURES_EACH or self.left < 1 or self.bytes < 0:
                break
            content = shot(self.snapshot, example.image, example.rows, example.other)
            if content is None:
                continue
            self.left -= 1
            self.bytes -= len(content)
            source = base64.b64encode(content).decode()
            told = escape(f"{_place(example)} {example.detail}".strip())
            kind, width = ("pair", 2 * WIDTH) if example.other >= 0 else ("", WIDTH)
            figures.append(
                f'<figure class="{kind}"><img src="data:image/jpeg;base64,{source}" width="{width}" height="{HEIGHT}" '
                f'alt="{told}"><figcaption title="{told}"><span>{escape(_place(example).rpartition("/")[2])}</span>'
                f"<span>{escape(example.detail)}</span></figcaption></figure>"
            )
        return f'<div class="pictures">{"".join(figures)}</div>' if figures else ""


def _by_image(finding: Finding) -> list[Example]:
    """The examples, those of one image together: one picture shows them all."""
    found: dict[tuple[int, int], Example] = {}
    for example in finding.examples:
        if example.image < 0:
            continue
        key = example.image, example.other
        if key in found and example.rows:
            rows = (*found[key].rows, *example.rows)
            found[key] = replace(found[key], line=None, detail=f"{len(set(rows))} marked", rows=rows)
        else:
            found.setdefault(key, example)
    return list(found.values())


def _verdict(report: CheckReport) -> str:
    errors, warnings = (len(report.of(severity)) for severity in (Severity.ERROR, Severity.WARNING))
    if errors:
        return f"{errors} kind{'s' * (errors != 1)} of error to correct before training"
    if warnings:
        return f"No errors; {warnings} kind{'s' * (warnings != 1)} of warning to look at"
    return "Ready for training: no errors, no warnings"


def _facts(report: CheckReport) -> str:
    facts = [(f"{report.images:,}", "images"), (f"{report.boxes:,}", "objects"), (str(len(report.classes)), "classes")]
    facts += [(f"{count:,}", split) for split, count in report.splits.items()]
    facts.append((f"{int((report.snapshot.counts == 0).sum()):,}", "backgrounds"))
    lost = f"<b>{report.ignored:,}</b><span>left out by Ultralytics</span>"
    shown = "".join(f"<div><b>{number}</b><span>{escape(name)}</span></div>" for number, name in facts)
    return f'{shown}<div class="{"lost" if report.ignored else ""}">{lost}</div>'


def _filters(report: CheckReport) -> str:
    return "".join(
        f'<label class="{severity.value}"><input type="checkbox" data-kind="{severity.value}" checked>'
        f"{_MARKS[severity]}{_KINDS[severity]} <b>{len(report.of(severity))}</b></label>"
        for severity in Severity
    )


def _group(report: CheckReport, severity: Severity, pictures: _Pictures) -> str:
    findings = report.of(severity)
    if not findings:
        return ""
    cards = "".join(_card(finding, pictures) for finding in findings)
    return (
        f'<section class="group {severity.value}" data-kind="{severity.value}">'
        f"<h2>{_KINDS[severity]}<small>{_MEANING[severity]}</small></h2>{cards}</section>"
    )


def _card(finding: Finding, pictures: _Pictures) -> str:
    severity = finding.severity or Severity.INFO
    about = CHECKS[finding.id].about if finding.id in CHECKS else ""
    does = (
        f"<div><dt>Ultralytics</dt><dd>{escape(_sentence(finding.ultralytics))}.</dd></div>"
        if finding.ultralytics
        else ""
    )
    hint = f"<div><dt>What to do</dt><dd>{escape(_sentence(finding.hint))}.</dd></div>" if finding.hint else ""
    return (
        f'<article class="card"><header>{_MARKS[severity]}<h3>{escape(_sentence(finding.message))}</h3>'
        f'<code>{escape(finding.id)}</code><em title="{escape(about)}">{finding.count:,}</em></header>'
        f"<dl>{does}{hint}</dl>{pictures.of(finding)}{_examples(finding)}</article>"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _examples(finding: Finding) -> str:
    told = any(example.detail for example in finding.examples)
    rows = [
        f"<tr><td>{escape(_place(example))}</td>" + (f"<td>{escape(example.detail)}</td>" if told else "") + "</tr>"
        for example in finding.examples
        if example.path or example.detail
    ]
    if not rows:
        return ""
    unseen = finding.count - len(finding.examples)
    more = f"<p>and {unseen:,} more</p>" if unseen > 0 else ""
    head = '<th scope="col">Where</th>' + ('<th scope="col">What</th>' if told else "")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    content = f'<div class="table">{table}</div>{more}'
    state = " open" if len(rows) <= _ROWS_SHOWN else ""
    said = f"{len(rows)} place{'s' * (len(rows) != 1)}" + (f" of {finding.count:,}" if unseen > 0 else "")
    return f"<details{state}><summary>{said}</summary>{content}</details>"


def _place(example: Example) -> str:
    return example.path + (f":{example.line}" if example.line else "")


def _class_chart(report: CheckReport) -> str:
    """A bar for each class, shaded by split."""
    snapshot = report.snapshot
    order = np.argsort(-snapshot.class_counts, kind="stable")
    most = max(int(snapshot.class_counts.max(initial=0)), 1)
    rows = []
    for i in order[:_CLASSES_SHOWN].tolist():
        red, green, blue = colour(i)
        x, bars = 0.0, []
        shares = [(split, int(snapshot.instances[k, i])) for k, split in enumerate(SPLITS)]
        if not sum(count for _, count in shares):
            shares = [("all", int(snapshot.class_counts[i]))]
        for (split, count), opacity in zip(shares, (1.0, 0.62, 0.36), strict=False):
            width = 100 * count / most
            title = f"<title>{escape(split)}: {count:,}</title>"
            fill = f'fill="rgb({red},{green},{blue})" opacity="{opacity}"'
            bars.append(f'<rect x="{x:.2f}" width="{width:.2f}" height="8" {fill}>{title}</rect>')
            x += width
        name = escape(snapshot.names[i])
        count = int(snapshot.class_counts[i])
        rows.append(
            f'<div class="row"><i style="background:rgb({red},{green},{blue})"></i><span title="{name}">{name}</span>'
            f'<em>{count:,}</em><svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
            f'aria-label="{name}: {count}">{"".join(bars)}</svg></div>'
        )
    left = len(order) - _CLASSES_SHOWN
    return "".join(rows) + (f'<p class="soft">and {left} more classes</p>' if left > 0 else "") or _NONE


def _size_chart(report: CheckReport) -> str:
    """How many boxes there are of each size, the root of width x height, in px of the image."""
    snapshot = report.snapshot
    sides = np.sqrt(np.abs(snapshot.sides[snapshot.good]).prod(axis=1))
    sides = sides[np.isfinite(sides) & (sides > 0)]
    if not len(sides):
        return _NONE
    low, high = max(float(sides.min()), 0.5), max(float(sides.max()), 2.0)
    edges = np.geomspace(low, max(high, low * 1.1), 25)
    counts = np.histogram(sides.clip(edges[0], edges[-1]), edges)[0].tolist()
    most = max(counts)
    bars = "".join(
        f'<rect x="{i * 12 + 1}" y="{96 - 92 * count / most:.1f}" width="10" height="{92 * count / most:.1f}" rx="1">'
        f"<title>{edges[i]:.0f} to {edges[i + 1]:.0f} px: {count:,}</title></rect>"
        for i, count in enumerate(counts)
    )
    middle = float(np.median(sides))
    at = 288 * np.log(middle / edges[0]) / np.log(edges[-1] / edges[0])
    mark = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="2" y2="96"/>'
    ends = f'<text x="0" y="110">{edges[0]:.0f}</text><text x="288" y="110" text-anchor="end">{edges[-1]:.0f} px</text>'
    side = f'x="{at - 14:.1f}" text-anchor="end"' if at > 144 else f'x="{at + 14:.1f}"'
    label = f'<text {side} y="10">median {middle:.0f} px</text>'
    said = f"sizes of boxes from {low:.0f} to {high:.0f} px, median {middle:.0f} px"
    return f'<svg viewBox="0 0 288 114" class="sizes" role="img" aria-label="{said}">{bars}{mark}{ends}{label}</svg>'


def _split_table(report: CheckReport) -> str:
    snapshot = report.snapshot
    rows = []
    for split in snapshot.present:
        mask = snapshot.of_split(split)
        counts = snapshot.counts[mask]
        cells = (f"{len(counts):,}", f"{int(counts.sum()):,}", f"{100 * float((counts == 0).mean()):.0f} %")
        rows.append(f'<tr><th scope="row">{split}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", "images", "objects", "empty"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else _NONE


def _passed(report: CheckReport) -> str:
    found = {finding.id for finding in report.findings}
    sound = [CHECKS[id] for id in sorted(report.ran) if id not in found]
    items = "".join(f"<li><code>{item.id}</code><span>{escape(item.about)}</span></li>" for item in sound)
    text = f"<details><summary>{len(sound)} checks found nothing</summary><ul>{items}</ul></details>"
    if report.skipped:
        skipped = "".join(f"<li><code>{id}</code></li>" for id in sorted(report.skipped))
        text += f"<details><summary>{len(report.skipped)} checks did not run</summary><ul>{skipped}</ul></details>"
    if report.notes:
        notes = "".join(f"<li><span>{escape(note)}</span></li>" for note in report.notes)
        text += f"<details><summary>{len(report.notes)} notes of the reader</summary><ul>{notes}</ul></details>"
    return text


_NONE = '<p class="soft">none</p>'

_STYLE = """
:root{--paper:#f7f8fa;--card:#fff;--ink:#181b21;--soft:#5d6674;--rule:#e3e6eb;--bar:#47608c;--hold:#eceef2;--mark:#2563eb;
--error:#c81e1e;--warning:#a15c00;--info:#2563eb;--good:#15803d}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1d2026;--ink:#e8eaee;--soft:#9aa3b2;--rule:#2c313a;
--bar:#7f9bd1;--hold:#282c34;--mark:#7aa2ff;--error:#ff7b72;--warning:#f0b44c;--info:#7aa2ff;--good:#4ade80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
body>header{padding:24px 28px 18px;border-bottom:1px solid var(--rule);background:var(--card)}
h1{margin:0;font-size:22px;font-weight:650;letter-spacing:-.01em}
h1+p{margin:2px 0 14px;color:var(--soft);overflow-wrap:anywhere}
.verdict{display:inline-block;margin:0 0 16px;padding:6px 14px 6px 12px;border-radius:8px;font-weight:600;
border-left:4px solid var(--tone);background:color-mix(in srgb,var(--tone) 11%,transparent);color:var(--tone)}
.verdict.bad{--tone:var(--error)}.verdict.fair{--tone:var(--warning)}.verdict.good{--tone:var(--good)}
.facts{display:flex;flex-wrap:wrap;gap:10px 30px}
.facts b{display:block;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}
.facts span{color:var(--soft);font-size:12px}.facts .lost b{color:var(--error)}
.layout{display:grid;grid-template-columns:minmax(0,1fr) 300px;gap:24px;padding:20px 28px 32px}
.bar{display:flex;flex-wrap:wrap;gap:8px 10px;align-items:center;margin-bottom:18px}
.bar input[type=search]{font:inherit;color:inherit;background:var(--card);border:1px solid var(--rule);
border-radius:8px;padding:7px 11px;flex:1 1 200px;max-width:340px}
.bar label{display:flex;gap:6px;align-items:center;border:1px solid var(--rule);background:var(--card);
border-radius:8px;padding:6px 11px;cursor:pointer;font-size:13px}
.bar label:has(input:not(:checked)){opacity:.55}
.bar label:focus-within,.bar input:focus-visible,summary:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
.bar label input{position:absolute;opacity:0;pointer-events:none}
.bar b{font-variant-numeric:tabular-nums}
#told{margin-left:auto;color:var(--soft);font-size:13px}
.error{--tone:var(--error)}.warning{--tone:var(--warning)}.info{--tone:var(--info)}
.mark{width:13px;height:13px;fill:var(--tone);flex:none}
.group h2{font-size:15px;font-weight:650;margin:0 0 10px;display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}
.group h2 small{font-size:12px;font-weight:400;color:var(--soft)}
.group{margin-bottom:26px}
.card{background:var(--card);border:1px solid var(--rule);border-left:3px solid var(--tone);border-radius:10px;
padding:14px 16px;margin-bottom:12px}
.card header{display:flex;gap:10px;align-items:center;flex-wrap:wrap}
.card h3{margin:0;font-size:14.5px;font-weight:600;flex:1 1 260px;overflow-wrap:anywhere}
.card em{font-style:normal;font-weight:650;font-size:12.5px;font-variant-numeric:tabular-nums;color:var(--tone);
background:color-mix(in srgb,var(--tone) 12%,transparent);border-radius:20px;padding:1px 10px}
code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--soft)}
dl{display:grid;grid-template-columns:1fr 1fr;gap:4px 28px;margin:10px 0 0}
dl:empty{display:none}
dt{font-size:11.5px;font-weight:600;color:var(--soft)}dd{margin:0 0 4px;font-size:13px;overflow-wrap:anywhere}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:10px;margin-top:12px}
figure{margin:0;border-radius:8px;overflow:hidden;background:var(--hold)}
figure.pair{grid-column:span 2}
figure img{width:100%;height:auto;display:block}
figcaption{padding:6px 9px;font-size:11.5px;line-height:1.4}
figcaption span{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
figcaption span:last-child{color:var(--soft)}
details{margin-top:10px;font-size:13px}summary{cursor:pointer;color:var(--soft);width:fit-content;border-radius:4px}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;margin-top:6px}
th{text-align:left;font-size:11.5px;font-weight:600;color:var(--soft)}
td,th{padding:4px 14px 4px 0;border-bottom:1px solid var(--rule);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
.card td{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
details p{margin:6px 0 0;color:var(--soft)}
aside section,.passed{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px;
margin-bottom:14px}
aside h2{margin:0 0 8px;font-size:13px;font-weight:600}
aside td,aside tbody th{font-variant-numeric:tabular-nums;font-size:13px;font-weight:400;color:var(--ink)}
aside td,aside thead th{text-align:right;padding:4px 0 4px 8px}
.row{display:grid;grid-template-columns:auto 1fr auto;gap:2px 8px;align-items:center;padding:4px 0}
.row i{width:10px;height:10px;border-radius:3px}
.row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row em{font-style:normal;color:var(--soft);font-variant-numeric:tabular-nums}
.row svg{grid-column:1/-1;width:100%;height:6px;background:var(--hold);border-radius:3px;display:block}
.sizes{width:100%;display:block;fill:var(--bar)}.sizes line{stroke:var(--soft);stroke-dasharray:2 3}
.sizes text{font-size:10px;fill:var(--soft)}
.soft{color:var(--soft);margin:4px 0 0}
.passed details:first-child{margin-top:0}
.passed ul{list-style:none;margin:8px 0 0;padding:0;columns:2;column-gap:28px}
.passed li{break-inside:avoid;padding:3px 0}.passed li span{display:block;color:var(--soft);font-size:12px}
.passed li code{color:var(--ink)}
footer{padding:0 28px 28px;color:var(--soft);font-size:12px}
[hidden]{display:none!important}
@media(max-width:900px){.layout{grid-template-columns:1fr;padding:16px}
dl,.passed ul{grid-template-columns:1fr;columns:1}}
@media print{.bar{display:none}.card,aside section{break-inside:avoid}body{background:#fff}}
"""

_SCRIPT = """
"use strict";
const kinds=[...document.querySelectorAll("input[data-kind]")],text=document.getElementById("text");
const groups=[...document.querySelectorAll(".group")],cards=document.querySelectorAll(".card").length;
function fill(){
  const on=new Set(kinds.filter(k=>k.checked).map(k=>k.dataset.kind)),words=text.value.toLowerCase().split(/\\s+/);
  let shown=0;
  for(const group of groups){let here=0;
    for(const card of group.querySelectorAll(".card")){const all=card.textContent.toLowerCase();
      card.hidden=!on.has(group.dataset.kind)||!words.every(w=>all.includes(w));here+=!card.hidden}
    group.hidden=!here;shown+=here}
  document.getElementById("told").textContent=`${shown} of ${cards} findings`;
  document.getElementById("empty").hidden=shown>0||!cards}
for(const e of [...kinds,text])e.addEventListener("input",fill);
fill();
"""

_PAGE = (
    HEAD
    + """<header>
<h1>Data check</h1><p>%DATA% (%KIND%)</p>
<p class="verdict %STATE%">%VERDICT%</p>
<div class="facts">%FACTS%</div>
</header>
<div class="layout">
<main>
<div class="bar" role="search">
<input type="search" id="text" placeholder="Filter by file, check or word" aria-label="Filter the findings">
%FILTERS%
<span id="told" role="status"></span>
</div>
%FINDINGS%
<p class="soft" id="empty" hidden>No finding fits this filter.</p>
<section class="passed" aria-label="Other checks">%PASSED%</section>
</main>
<aside aria-label="The data set">
<section><h2>Splits</h2>%SPLITS%</section>
<section><h2>Objects by class</h2>%CLASSES%</section>
<section><h2>Object size</h2>%SIZES%</section>
</aside>
</div>
<footer>yolo-tl %VERSION%</footer>
<script>%SCRIPT%</script>
</body>
</html>
"""
)
