"""A training run as one HTML file: what was done and why, what came of it, how to go on; nothing is fetched."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_tl import __version__
from yolo_tl.data.image_size import image_size
from yolo_tl.data.pictures.html import HEAD
from yolo_tl.data.pictures.overview import thumbnail
from yolo_tl.engine.curves import curves_svg
from yolo_tl.engine.run_record import RunRecord, read_run
from yolo_tl.errors import ImageError
from yolo_tl.files import write_text

_PICTURE_PX, _QUALITY = 1280, 80  # longest side and JPEG quality of the picture of a batch
_ELSEWHERE = {"stages", "freeze"}  # decisions that the page shows in other words


def write_report(run: Path) -> Path:
    """Write ``report.html`` into a run folder, from what the folder holds, and return its path.

    Raises:
        ResumeError: it is no run folder, or its plan is damaged.
        ParseError: another file in it is damaged.
        WriteError: the page could not be written.
        MissingExtra: matplotlib is not installed.
    """
    record = read_run(run)
    path = record.folder / "report.html"
    write_text(path, page(record))
    return path


def page(record: RunRecord) -> str:
    """The text of the page.

    Everything that comes from the run is escaped, and the page's own policy forbids to load anything.
    """
    tone, verdict = _verdict(record)
    parts = {
        "TITLE": escape(f"Training run: {record.folder.name}"),
        "NAME": escape(record.folder.name),
        "ABOUT": escape(_about(record)),
        "TONE": tone,
        "VERDICT": escape(verdict),
        "FACTS": _facts(record),
        "WARNINGS": _warnings(record),
        "CURVES": _curves(record),
        "STAGES": _stages(record),
        "SCORES": _scores(record),
        "BATCH": _batch(record),
        "DECISIONS": _decisions(record),
        "ENVIRONMENT": _environment(record),
        "COMMANDS": _commands(record),
        "VERSION": escape(__version__),
        "STYLE": _STYLE,
    }
    text = re.sub("%([A-Z]+)%", lambda match: parts[match.group(1)], _PAGE)
    return text.encode("utf-8", "replace").decode()  # file names may hold what is no text


def _about(record: RunRecord) -> str:
    plan = record.plan
    start = "" if plan.get("pretrained", True) else ", from random weights"
    preset = f", preset {plan['preset']}" if plan.get("preset") else ""
    return f"{plan.get('network', 'network')} from {plan.get('weights')}{start}{preset}, on {_data(record)}"


def _verdict(record: RunRecord) -> tuple[str, str]:
    """A tone (``good``, ``fair``, ``bad``, ``plain``) and what the run has come to."""
    metrics, epochs, change = record.metrics, record.history.epochs, record.baseline
    if not record.finished:
        done = int(epochs[-1]) if len(epochs) else 0
        return "fair", f"Not finished: {done} of {_shown(record.decided('epochs'))} epochs"
    text = f"mAP50-95 {metrics['map50_95']:.3f} on {metrics.get('split', 'val')}{_span(metrics.get('ci95'))}"
    if not change:
        return "plain", text
    interval = change.get("ci95")
    clear = interval is not None and interval[0] > 0
    tone = "bad" if change["difference"] < 0 else "good" if clear else "fair"
    return tone, text + ("; worse than the start weights" if tone == "bad" else "" if clear else "; no clear gain")


def _span(interval: Sequence[float] | None, sign: str = "") -> str:
    return f", 95 % interval {interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}" if interval else ""


def _facts(record: RunRecord) -> str:
    epochs, images = record.history.epochs, record.plan.get("data", {}).get("images", {})
    facts = [(f"{int(epochs[-1]) if len(epochs) else 0} / {_shown(record.decided('epochs'))}", "epochs")]
    facts += [(_shown(record.plan.get("budget", {}).get("steps")), "optimizer steps planned")]
    facts += [(f"{count:,}", f"{split} images") for split, count in images.items()]
    facts += [(f"{record.decided('imgsz')} px", "input"), (_shown(record.decided("batch")), "images a batch")]
    if "cpu_seconds" in record.metrics:
        facts.append((f"{record.metrics['cpu_seconds']:,.0f}", "CPU-seconds"))
    return "".join(f"<div><b>{escape(number)}</b><span>{escape(name)}</span></div>" for number, name in facts)


def _warnings(record: RunRecord) -> str:
    classes = record.plan.get("classes", {})
    notes = [text for text in (classes.get("known"), *classes.get("notes", ())) if text]
    items = "".join(f"<li>{escape(str(text))}</li>" for text in notes)
    items += "".join(f'<li class="warning">{escape(str(text))}</li>' for text in record.plan.get("warnings", ()))
    return _section("Said before it began", f'<ul class="said">{items}</ul>') if items else ""


def _curves(record: RunRecord) -> str:
    drawn = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in curves_svg(record).items()
    )
    return f'<section class="curves" aria-label="Curves">{drawn}</section>'


def _stages(record: RunRecord) -> str:
    """The stages on a line, as long as their epochs."""
    rows = []
    for stage in record.stages:
        first, last = stage["first"], stage["last"]
        said = {
            "Frozen": "freeze",
            "Rate factors": "lr",
            "BatchNorm": "bn",
            "Image side": "imgsz",
            "Patience, epochs": "patience",
        }
        items = {label: stage.get(key) for label, key in said.items()}
        facts = "".join(
            f"<div><dt>{label}</dt><dd>{escape(_shown(value))}</dd></div>"
            for label, value in items.items()
            if value is not None
        )
        span = f"epoch {first}" if first == last else f"epochs {first} to {last}"
        rows.append(
            f'<li style="flex-grow:{max(last - first + 1, 1)}"><b>{escape(str(stage["name"]))}</b>'
            f"<span>{span}</span><dl>{facts}</dl></li>"
        )
    return _section("Stages", f'<ol class="stages">{"".join(rows)}</ol>')


def _scores(record: RunRecord) -> str:
    """What changed, then the scores by class with the interval drawn."""
    if not record.finished:
        return ""
    metrics, change = record.metrics, record.baseline
    train = record.plan.get("data", {}).get("instances", {}).get("train", {})
    before = {name: value["before"] for name, value in change.get("per_class", {}).items()}
    rows: list[Sequence[str]] = [
        (
            escape(name),
            _shown(train.get(name)),
            _shown(scores["instances"]),
            *(f"{scores[key]:.3f}" for key in ("precision", "recall", "ap50", "ap50_95")),
            _bar(scores["ap50_95"], scores.get("ci95"), before.get(name)),
        )
        for name, scores in metrics.get("per_class", {}).items()
    ]
    means = (f"{metrics[key]:.3f}" for key in ("precision", "recall", "map50", "map50_95"))
    whole = _bar(metrics["map50_95"], metrics.get("ci95"), record.start_score)
    rows.append(("all", "", _shown(metrics["instances"]), *means, whole))
    split = escape(str(metrics.get("split", "val")))
    head = ("class", "train objects", f"{split} objects", "precision", "recall", "AP50", "AP50-95", "95 % interval")
    note = "Bar: AP50-95. Whisker: bootstrap interval over images." + (" Stroke: start weights." if before else "")
    content = _change(change) + _table(head, rows, kind="numbers") + f'<p class="soft">{note}</p>'
    return _section(f"Scores of best.pt on {split}", content)


def _change(change: Mapping[str, Any]) -> str:
    if not change:
        return ""
    known = len(change.get("per_class", {}))
    return (
        f"<p>The {known} class{'es' * (known != 1)} that the start weights knew: "
        f"mAP50-95 {change['before']:.3f} before → "
        f"<b>{change['after']:.3f}</b> after ({change['difference']:+.3f}{_span(change.get('ci95'), '+')})</p>"
    )


def _bar(value: float, interval: Sequence[float] | None, before: float | None) -> str:
    """A bar from 0 to `value`, with whiskers and the value of the start weights."""
    drawn, said = f'<rect class="bar" y="4" width="{100 * value:.1f}" height="6"/>', f"{value:.3f}"
    if interval:
        low, high = (100 * limit for limit in interval)
        drawn += f'<path class="whisker" d="M{low:.1f} 7H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11"/>'
        said = f"{interval[0]:.3f} to {interval[1]:.3f}"
    if before is not None:
        drawn += f'<path class="before" d="M{100 * before:.1f} 1V13"/>'
    label = f"<span>{said if interval else '–'}</span>"
    return f'<svg viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="{said}">{drawn}</svg>{label}'


def _batch(record: RunRecord) -> str:
    """The picture of a batch as the network was shown it, small enough for a page."""
    import cv2

    path = record.folder / "batch.jpg"
    try:
        width, height = image_size(path)
    except (ImageError, OSError):
        return ""
    small = thumbnail(path, min(width, _PICTURE_PX), min(height, _PICTURE_PX))
    if small is None:
        return ""
    content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    source = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    picture = f'<img src="{source}" alt="Training images with their boxes, augmented">'
    return _section("A batch as the network sees it", picture)


def _decisions(record: RunRecord) -> str:
    """What somebody or something decided; the defaults are folded away."""
    made: list[Sequence[str]] = []
    left: list[Sequence[str]] = []
    for key, decision in record.plan["decisions"].items():
        if key in _ELSEWHERE:
            continue
        source, reason = str(decision.get("source", "")), str(decision.get("reason", ""))
        tag = f'<i class="{escape(source.partition(" ")[0])}">{escape(source)}</i>'
        row = f"<code>{escape(key)}</code>", escape(_shown(decision.get("value"))), tag, escape(reason)
        (left if source == "default" and not reason else made).append(row)
    head = ("decision", "value", "source", "why")
    content = _table(head, made, kind="decisions")
    if left:
        rest = _table(head[:2], [row[:2] for row in left], kind="decisions")
        content += f"<details><summary>{len(left)} settings left at their defaults</summary>{rest}</details>"
    return _section("Decisions", content)


def _environment(record: RunRecord) -> str:
    flat: dict[str, Any] = {}
    for key, value in record.environment.items():
        flat.update(value if isinstance(value, Mapping) else {key: value})
    rows = [(escape(str(key)), escape(_shown(value))) for key, value in flat.items()]
    return _section("Environment", _table((), rows)) if rows else ""


def _commands(record: RunRecord) -> str:
    run, best, data = record.folder, str(record.folder / "weights" / "best.pt"), _data(record)
    if not record.finished:
        wanted = [("Go on where it stopped", ["resume", str(run)])]
    else:
        split = "test" if record.plan.get("data", {}).get("images", {}).get("test") else "val"
        wanted = [
            (f"Score it on {split}", ["evaluate", best, data, "--split", split]),
            ("Look at what it finds", ["predict", best, "IMAGES", "--out", str(run / "predictions")]),
            ("Take it to the edge", ["export", best, "--data", data, "--out", str(run / "bundle")]),
            ("Train on", ["resume", str(run), "--epochs", "+20"]),
        ]
    items = "".join(
        f"<dt>{escape(about)}</dt><dd><code>{escape(shlex.join(['yolo-tl', *words]))}</code></dd>"
        for about, words in wanted
    )
    return _section("How to go on", f'<dl class="commands">{items}</dl>')


def _data(record: RunRecord) -> str:
    return str(record.plan.get("data", {}).get("path", ""))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """A table of cells that are markup already; the first one of a row is its name."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    opening = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="table"><table class="{kind}">{opening}<tbody>{body}</tbody></table></div>'


def _shown(value: Any) -> str:
    """A value for people.

    >>> _shown(None), _shown(True), _shown(0.0100), _shown([1, 2]), _shown(12000)
    ('–', 'yes', '0.01', '1, 2', '12,000')
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


_STYLE = """
:root{--paper:#f7f8fa;--card:#fff;--ink:#181b21;--soft:#5d6674;--rule:#dfe3e8;--hold:#eceef2;--accent:#0072b2;
--bad:#c81e1e;--fair:#a15c00;--good:#15803d;
--curve-0:#0072b2;--curve-1:#d55e00;--curve-2:#00805c;--curve-3:#aa3377;--curve-4:#7a6a00}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1d2026;--ink:#e8eaee;--soft:#9aa3b2;--rule:#333842;
--hold:#282c34;--accent:#6cb6ff;--bad:#ff7b72;--fair:#f0b44c;--good:#4ade80;
--curve-0:#6cb6ff;--curve-1:#ff9a57;--curve-2:#3fd0a4;--curve-3:#f08cc0;--curve-4:#d8c94a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
body>header{padding:24px 28px 18px;border-bottom:1px solid var(--rule);background:var(--card)}
h1{margin:0;font-size:22px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h1+p{margin:2px 0 14px;color:var(--soft);overflow-wrap:anywhere}
.verdict{--tone:var(--accent);display:inline-block;margin:0 0 16px;padding:6px 14px 6px 12px;border-radius:8px;
font-weight:600;border-left:4px solid var(--tone);background:color-mix(in srgb,var(--tone) 11%,transparent);
color:var(--tone)}
.verdict.bad{--tone:var(--bad)}.verdict.fair{--tone:var(--fair)}.verdict.good{--tone:var(--good)}
.facts{display:flex;flex-wrap:wrap;gap:10px 30px}
.facts b{display:block;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}
.facts span,.soft{color:var(--soft);font-size:12px}
main{padding:20px 28px 12px;max-width:1440px;margin:0 auto}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 18px;margin-bottom:16px}
h2{margin:0 0 10px;font-size:15px;font-weight:600}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:12px 24px}
figure{margin:0}figcaption{font-weight:600;font-size:13px}
.curves svg{display:block;width:100%;height:auto}
.curves svg text{font-family:inherit!important}
.said{margin:0;padding:0;list-style:none}
.said li{padding:5px 0 5px 14px;border-left:3px solid var(--rule);margin:6px 0;overflow-wrap:anywhere}
.said .warning{border-color:var(--fair)}
.stages{display:flex;gap:4px;margin:0;padding:0;list-style:none}
.stages li{flex:1 1 0;min-width:150px;padding:10px 12px;background:var(--hold);border-top:4px solid var(--curve-0)}
.stages li:nth-child(2n){border-color:var(--curve-1)}.stages li:nth-child(3n){border-color:var(--curve-2)}
.stages b{display:block;overflow-wrap:anywhere}.stages span{color:var(--soft);font-size:12px}
.stages dl{margin:8px 0 0;font-size:12.5px}
dt{font-size:11.5px;font-weight:600;color:var(--soft)}dd{margin:0 0 6px;overflow-wrap:anywhere}
.table{overflow-x:auto}.table+.table{margin-top:14px}
table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;font-weight:500}thead th{font-size:11.5px;font-weight:600;color:var(--soft);vertical-align:bottom}
td,th{padding:5px 16px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
.numbers td,.numbers thead th:not(:first-child){text-align:right;font-variant-numeric:tabular-nums}
.numbers tbody tr:last-child th{font-weight:650}.numbers td:last-child{white-space:nowrap}
.numbers tbody th{overflow-wrap:anywhere;min-width:90px}
.numbers svg{width:120px;height:14px;vertical-align:-2px;margin-right:10px;background:var(--hold);border-radius:3px}
.numbers svg+span{display:inline-block;min-width:7.2em}
.bar{fill:var(--curve-0);opacity:.55}.whisker,.before{stroke:var(--ink);fill:none;vector-effect:non-scaling-stroke}
.before{stroke:var(--curve-1);stroke-width:2px}
.decisions td:nth-child(2){overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.decisions i{font-style:normal;font-size:12px;color:var(--soft);white-space:nowrap}
.decisions .user{color:var(--accent);font-weight:600}
code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.commands{margin:0}.commands code{display:block;padding:7px 10px;margin:2px 0 4px;background:var(--hold);
border-radius:6px;overflow-wrap:anywhere;user-select:all}
details{margin-top:10px}summary{cursor:pointer;color:var(--soft);width:fit-content}
img{display:block;width:100%;max-width:760px;height:auto;border-radius:8px}
.pair{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,1fr);gap:0 16px;align-items:start}
footer{padding:0 28px 28px;color:var(--soft);font-size:12px;max-width:1440px;margin:0 auto}
@media(max-width:820px){main{padding:12px}body>header{padding:18px 16px}footer{padding:0 16px 20px}
section{padding:12px 14px}.pair{display:block}.stages{flex-direction:column}.stages li{flex:none}}
@media print{section{break-inside:avoid}body{background:#fff}}
"""

_PAGE = (
    HEAD
    + """<header>
<h1>%NAME%</h1><p>%ABOUT%</p>
<p class="verdict %TONE%">%VERDICT%</p>
<div class="facts">%FACTS%</div>
</header>
<main>
%CURVES%
%STAGES%
%SCORES%
%WARNINGS%
%COMMANDS%
%BATCH%
<div class="pair">
%DECISIONS%
%ENVIRONMENT%
</div>
</main>
<footer>yolo-tl %VERSION%</footer>
</body>
</html>
"""
)
