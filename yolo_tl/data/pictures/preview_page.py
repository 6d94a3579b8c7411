"""The preview as one HTML file: pictures, labels as vectors, filters and histograms; nothing is fetched."""

from __future__ import annotations

import base64
import json
import re
from html import escape
from typing import Any

import numpy as np

from yolo_tl.data.image_size import image_size
from yolo_tl.data.pictures.drawing import colour
from yolo_tl.data.pictures.html import HEAD
from yolo_tl.data.pictures.overview import SIZES, Overview, thumbnail
from yolo_tl.data.pictures.sheet import size_histogram
from yolo_tl.data.records import Annotation, Size
from yolo_tl.data.stratify import SIZE_EDGES
from yolo_tl.data.yolo.labelled import LabelledImage, box_of

_WIDTH, _HEIGHT, _QUALITY = 640, 640, 80  # of the pictures
_UNIT = 1000  # coordinates are whole numbers from 0 to this: a thousandth of a side


def page(overview: Overview) -> str:
    """The text of the page.

    Everything that comes from the data is escaped, and the page's own policy forbids to load anything.
    """
    images = [_image(image, overview.names) for image in overview.shown]
    data = {
        "names": list(overview.names),
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour(i)) for i in range(len(overview.names))],
        "unit": _UNIT,
        "images": images,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):  # no end of the script inside it
        text = text.replace(char, code)
    parts = {
        "TITLE": escape(overview.title),
        "FACTS": _facts(overview),
        "CLASSES": _class_chart(overview),
        "SIZES": _size_chart(overview),
        "SPLITS": "".join(f"<option>{escape(split)}</option>" for split in overview.splits),
        "STYLE": _STYLE,
        "SCRIPT": _SCRIPT,
        "DATA": text,
    }
    return re.sub("%([A-Z]+)%", lambda match: parts[match.group(1)], _PAGE)


def _image(image: LabelledImage, names: tuple[str, ...]) -> dict[str, Any]:
    numbers = {name: i for i, name in enumerate(names)}
    small = thumbnail(image.path, _WIDTH, _HEIGHT)
    width, height = (4, 3) if small is None else (small.shape[1], small.shape[0])
    real = None if small is None else image_size(image.path)
    known = [item for item in image.objects if np.isfinite(box_of(item)).all()]
    return {
        "name": image.name,
        "split": image.split,
        "width": width,
        "height": height,
        "picture": "" if small is None else _embedded(small),
        "objects": [_object(item, numbers[item.name], real) for item in sorted(known, key=lambda item: -_area(item))],
    }


def _embedded(picture: Any) -> str:
    import cv2

    content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _area(item: Annotation) -> float:
    x1, y1, x2, y2 = box_of(item)
    return (x2 - x1) * (y2 - y1)


def _object(item: Annotation, number: int, size: Size | None) -> dict[str, Any]:
    """Class, size and shape of one object; the shape as rings of whole numbers."""
    x1, y1, x2, y2 = box_of(item)
    rings = item.parts or ((item.corners or (x1, y1, x2, y1, x2, y2, x1, y2)),)
    found: dict[str, Any] = {
        "class": number,
        "rings": [[round(float(np.clip(value, -1, 2)) * _UNIT) for value in ring] for ring in rings],
    }
    if size:
        found["size"] = SIZES[int(np.searchsorted(SIZE_EDGES, _area(item) * size[0] * size[1], side="right"))]
    if item.parts:
        found["filled"] = True
    points = [item.keypoints[i : i + 3] for i in range(0, len(item.keypoints), 3)]
    if points:
        found["points"] = [
            [round(x * _UNIT), round(y * _UNIT), int(seen)] for x, y, seen in points if seen > 0 and np.isfinite(x + y)
        ]
    return found


def _facts(overview: Overview) -> str:
    objects = sum(sum(row.values()) for row in overview.objects.values())
    facts = [("images", len(overview.images)), ("objects", objects), ("classes", len(overview.names))]
    facts += list(overview.splits.items())
    facts.append(("backgrounds", overview.backgrounds))
    if overview.unreadable:
        facts.append(("unreadable", overview.unreadable))
    return "".join(f"<div><b>{count:,}</b><span>{escape(name)}</span></div>" for name, count in facts)


def _class_chart(overview: Overview) -> str:
    """A row for each class that is also its filter: bar, share of each split, number."""
    totals = {name: sum(row.values()) for name, row in overview.objects.items()}
    most = max(totals.values(), default=0) or 1
    rows = []
    for name in sorted(totals, key=lambda name: -totals[name]):
        number = overview.names.index(name)
        red, green, blue = colour(number)
        x, bars = 0.0, []
        for split, opacity in zip(overview.splits, (1.0, 0.62, 0.36), strict=False):
            width = 100 * overview.objects[name].get(split, 0) / most
            if width:
                bars.append(
                    f'<rect x="{x:.2f}" width="{width:.2f}" height="8" fill="rgb({red},{green},{blue})" '
                    f'opacity="{opacity}"><title>{escape(split)}: {overview.objects[name][split]}</title></rect>'
                )
            x += width
        rows.append(
            f'<label class="row"><input type="checkbox" data-class="{number}" checked>'
            f'<i style="background:rgb({red},{green},{blue})"></i><span>{escape(name)}</span>'
            f"<em>{totals[name]:,}</em>"
            f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img">{"".join(bars)}</svg></label>'
        )
    return "".join(rows)


def _size_chart(overview: Overview) -> str:
    counts, edges = size_histogram(overview, 24)
    most = max(counts, default=0) or 1
    bars = []
    for i, count in enumerate(counts):
        height = 92 * count / most
        bars.append(
            f'<rect x="{i * 12 + 1}" y="{96 - height:.1f}" width="10" height="{height:.1f}" rx="1">'
            f"<title>{edges[i]:.0f} to {edges[i + 1]:.0f} px: {count}</title></rect>"
        )
    span = np.log(edges[-1] / edges[0])
    limits = [(24 * 12 * np.log(limit**0.5 / edges[0]) / span, limit**0.5) for limit in SIZE_EDGES]
    marks = "".join(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="96"/><text x="{x:.1f}" y="110" text-anchor="middle">'
        f"{side:.0f}</text>"
        for x, side in limits
        if 14 < x < 274
    )
    ends = f'<text x="0" y="110">{edges[0]:.0f}</text><text x="288" y="110" text-anchor="end">{edges[-1]:.0f} px</text>'
    boxes = "".join(f"<div><b>{overview.sizes[name]:,}</b><span>{name}</span></div>" for name in SIZES)
    return f'<svg viewBox="0 0 288 114" class="sizes" role="img">{"".join(bars)}{marks}{ends}</svg>' + (
        f'<div class="facts small">{boxes}</div>'
    )


_STYLE = """
:root{--paper:#f7f8fa;--card:#fff;--ink:#181b21;--soft:#667080;--rule:#e3e6eb;--bar:#47608c;--hold:#eceef2;--mark:#2563eb}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1d2026;--ink:#e8eaee;--soft:#98a1b0;--rule:#2c313a;
--bar:#7f9bd1;--hold:#282c34;--mark:#7aa2ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{padding:22px 28px 16px;border-bottom:1px solid var(--rule)}
h1{margin:0 0 12px;font-size:22px;font-weight:650;letter-spacing:-.01em}
h2{margin:0 0 10px;font-size:13px;font-weight:600}
.facts{display:flex;flex-wrap:wrap;gap:10px 28px}
.facts b{display:block;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums}
.facts span{color:var(--soft);font-size:12px}
.facts.small{gap:8px 26px;margin-top:8px}.facts.small b{font-size:15px}
.layout{display:grid;grid-template-columns:296px 1fr;gap:24px;padding:20px 28px 40px}
aside{position:sticky;top:16px;align-self:start;max-height:calc(100vh - 32px);overflow:auto}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px;margin-bottom:14px}
.row{display:grid;grid-template-columns:auto auto 1fr auto;gap:2px 8px;align-items:center;padding:4px 0;cursor:pointer}
.row input{margin:0;accent-color:var(--mark)}.row i{width:10px;height:10px;border-radius:3px}
.row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row em{font-style:normal;color:var(--soft);font-variant-numeric:tabular-nums}
.row svg{grid-column:1/-1;width:100%;height:6px;background:var(--hold);border-radius:3px;display:block}
.pick{display:flex;gap:10px;margin-top:8px}
button.plain{all:unset;color:var(--mark);cursor:pointer;font-size:12px}
button.plain:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
.sizes{width:100%;display:block;fill:var(--bar)}.sizes line{stroke:var(--soft);stroke-dasharray:2 3}
.sizes text{font-size:10px;fill:var(--soft)}
.bar{display:flex;flex-wrap:wrap;gap:10px;align-items:center;margin-bottom:14px}
.bar input[type=search],select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--rule);
border-radius:8px;padding:6px 10px}
.bar input[type=search]{flex:1 1 180px;max-width:320px}
.bar label{display:flex;gap:6px;align-items:center;color:var(--soft)}
#told{margin-left:auto;color:var(--soft)}
#grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:16px}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;overflow:hidden;cursor:zoom-in}
figure:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
.frame{position:relative;aspect-ratio:4/3;background:var(--hold);display:grid;place-items:center;overflow:hidden}
.frame svg{width:100%;height:100%;display:block}
.frame p{color:var(--soft)}
figcaption{display:flex;justify-content:space-between;gap:12px;padding:8px 12px;font-size:12px}
figcaption span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
figcaption span:last-child{color:var(--soft);white-space:nowrap}
dialog{border:0;border-radius:12px;padding:0;background:var(--card);color:var(--ink);max-width:94vw;max-height:94vh}
dialog::backdrop{background:rgba(0,0,0,.72)}
dialog svg{display:block;max-width:94vw;max-height:82vh;width:auto;height:auto}
dialog div{display:flex;gap:8px 16px;flex-wrap:wrap;padding:12px 16px;align-items:baseline}
dialog div b{font-weight:600}dialog div span{color:var(--soft)}
.none{color:var(--soft);padding:40px 0;grid-column:1/-1;text-align:center}
@media(max-width:820px){.layout{grid-template-columns:1fr;padding:16px}
aside{position:static;max-height:none}header{padding:18px 16px}}
"""

_SCRIPT = """
"use strict";
const data=JSON.parse(document.getElementById("data").textContent);
const spot=id=>document.getElementById(id), space="http://www.w3.org/2000/svg";
const boxes=[...document.querySelectorAll("[data-class]")];
const FONT="system-ui,sans-serif",ruler=document.createElement("canvas").getContext("2d");ruler.font="100px "+FONT;
const element=(tag,text="")=>{const e=document.createElement(tag);e.textContent=text;return e};
const make=(tag,values,parent)=>{const e=document.createElementNS(space,tag);
  for(const k in values)e.setAttribute(k,values[k]);if(parent)parent.append(e);return e};
function drawing(image,kept,large){
  const W=image.width,H=image.height,u=Math.max(W,H)/(large?900:420);
  const svg=make("svg",{viewBox:`0 0 ${W} ${H}`,preserveAspectRatio:"xMidYMid meet"});
  if(large){const z=Math.min(innerWidth*.9/W,innerHeight*.78/H);
    svg.setAttribute("width",Math.round(W*z));svg.setAttribute("height",Math.round(H*z))}
  make("image",{href:image.picture,width:W,height:H},svg);
  const x=v=>(v/data.unit*W).toFixed(1),y=v=>(v/data.unit*H).toFixed(1);
  for(const o of kept){const c=data.colours[o.class];
    const g=make("g",{stroke:c,fill:"none","stroke-width":1.6*u,"stroke-linejoin":"round"},svg);
    for(const r of o.rings){let p="";for(let i=0;i<r.length;i+=2)p+=x(r[i])+","+y(r[i+1])+" ";
      make("polygon",o.filled?{points:p,fill:c,"fill-opacity":.22}:{points:p},g)}
    for(const p of o.points||[])make("circle",{cx:x(p[0]),cy:y(p[1]),r:3.2*u,stroke:"#fff","stroke-width":u,
      fill:p[2]>1?c:"#fff"},g);
    make("title",{},g).textContent=data.names[o.class]}
  for(const o of kept){const c=data.colours[o.class],r=o.rings[0];
    let a=Math.min(...r.filter((_,i)=>i%2===0)),b=Math.min(...r.filter((_,i)=>i%2));
    const s=11*u,name=data.names[o.class],w=ruler.measureText(name).width/100*s+s*.7;
    const X=Math.max(0,Math.min(W-w,a/data.unit*W)),Y=Math.max(s*1.35,b/data.unit*H);
    const g=make("g",{"pointer-events":"none"},svg);
    make("rect",{x:X,y:Y-s*1.35,width:w,height:s*1.35,fill:c},g);
    make("text",{x:X+s*.35,y:Y-s*.35,fill:"#fff","font-size":s,"font-family":FONT},g).textContent=name}
  return svg}
function shown(image){
  const on=new Set(boxes.filter(b=>b.checked).map(b=>+b.dataset.class)),size=spot("size").value;
  return image.objects.filter(o=>on.has(o.class)&&(!size||o.size===size))}
function open(image,kept){
  const d=spot("large");d.replaceChildren(image.picture?drawing(image,kept,true):"");
  const line=element("div"),b=element("b",image.name),s=element("span"),n={};
  for(const o of kept)n[data.names[o.class]]=(n[data.names[o.class]]||0)+1;
  s.textContent=[image.split,...Object.entries(n).map(([k,v])=>`${k} ${v}`)].join(" · ");
  line.append(b,s);d.append(line);d.showModal()}
function fill(){
  const grid=spot("grid"),split=spot("split").value,text=spot("text").value.toLowerCase(),empty=spot("empty").checked;
  const all=boxes.every(b=>b.checked)&&!spot("size").value;grid.replaceChildren();let count=0;
  for(const image of data.images){
    if(split&&image.split!==split||text&&!image.name.toLowerCase().includes(text))continue;
    const kept=shown(image);
    if(empty?image.objects.length:!kept.length&&!(all&&!image.objects.length))continue;
    count++;
    const f=element("figure"),frame=element("div"),cap=element("figcaption"),a=element("span"),b=element("span");
    frame.className="frame";f.tabIndex=0;
    if(image.picture)frame.append(drawing(image,kept,false));
    else frame.append(element("p","cannot be decoded"));
    a.textContent=a.title=image.name;
    b.textContent=image.split+" · "+(kept.length||(image.objects.length?"0":"background"));
    cap.append(a,b);f.append(frame,cap);
    f.onclick=()=>open(image,kept);f.onkeydown=e=>{if(e.key==="Enter")open(image,kept)};
    grid.append(f)}
  if(!count){const p=element("p","No image fits these filters.");p.className="none";grid.append(p)}
  spot("told").textContent=`${count} of ${data.images.length} pictures`}
for(const e of document.querySelectorAll("input,select"))e.addEventListener("input",fill);
for(const [id,on] of [["all",true],["none",false]])spot(id).onclick=()=>{for(const b of boxes)b.checked=on;fill()};
spot("large").onclick=e=>e.currentTarget.close();
fill();
"""

_PAGE = (
    HEAD
    + """<header><h1>%TITLE%</h1><div class="facts">%FACTS%</div></header>
<div class="layout">
<aside>
<section><h2>Classes</h2>%CLASSES%
<div class="pick"><button class="plain" id="all">all</button>
<button class="plain" id="none">none</button></div></section>
<section><h2>Object size</h2>%SIZES%</section>
</aside>
<main>
<div class="bar">
<input type="search" id="text" placeholder="File name" aria-label="File name">
<select id="split" aria-label="Split"><option value="">all splits</option>%SPLITS%</select>
<select id="size" aria-label="Object size"><option value="">all sizes</option>
<option>small</option><option>medium</option><option>large</option></select>
<label><input type="checkbox" id="empty"> backgrounds only</label>
<span id="told" role="status"></span>
</div>
<div id="grid"></div>
</main>
</div>
<dialog id="large" aria-label="Picture"></dialog>
<script type="application/json" id="data">%DATA%</script>
<script>%SCRIPT%</script>
</body>
</html>
"""
)
