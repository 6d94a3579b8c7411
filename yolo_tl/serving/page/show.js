// The panels beside and below the picture.

// ---------------------------------------------------------------- what is shown

const own = () => state.model?.thresholds?.confidence ?? 0.25;
const lowest = () => Math.min(own(), ...Object.values(state.model?.thresholds?.classes ?? {}));
const colour = (number) => COLOURS[number % COLOURS.length];
const two = (value) => value.toFixed(2);

function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  return element;
}

// One threshold for all where the slider was moved, else each class's own; a score equal to it is not enough.
const limit = (row) => state.threshold ?? state.model?.thresholds?.classes?.[row.name] ?? own();
const above = () => (state.result?.detections ?? []).filter((row) => row.confidence > limit(row));
const size = () => state.result?.size ?? (state.picture ? [state.picture.height, state.picture.width] : null);
const sized = () => (size() ? ` · ${size()[1]} × ${size()[0]} px` : "");

function show() {
  const rows = above();
  showVerdict();
  showThreshold();
  showLegend(rows);
  showTimes();
  showTable(rows);
  draw(rows);
}

function tell(text, what) {
  if ($("state").textContent !== text) $("state").textContent = text || "\u00a0";
  $("view").dataset.state = what;
  $("view").setAttribute("aria-busy", String(what === "busy" || what === "waiting"));
}

function rate(text) {
  $("rate").textContent = text;
  $("rate").hidden = !text;
}

function complain(error) {
  $("problem").hidden = !error;
  $("problem-text").textContent = error?.message ?? "";
  $("problem-hint").textContent = error?.hint ?? "";
  $("again").hidden = !state.last && Boolean(state.model);
}

function showModel() {
  const { name, sha256, task, imgsz, rules } = state.model;
  const facts = [["Model", name], ["SHA-256", sha256?.slice(0, 12)], ["Task", task], ["Input", imgsz?.join?.(" × ") ?? imgsz]];
  facts.push(["Rules", typeof rules === "string" ? rules : rules ? rules.name ?? rules.sha256?.slice(0, 12) ?? "loaded" : "none"]);
  $("model").replaceChildren(...facts.filter(([, value]) => value).map(([key, value]) => {
    const fact = make("div");
    fact.append(make("dt", key), make("dd", String(value)));
    if (key === "SHA-256") fact.title = sha256;
    return fact;
  }));
  const slider = $("threshold");
  const classify = task === "classify";
  $("threshold-card").hidden = classify;
  slider.disabled = false;
  slider.min = state.floor;
  $("list-title").textContent = classify ? "Classes" : "Detections";
  $("found-title").textContent = classify ? "Class" : "Found";
  $("verdict-card").hidden = !rules;
  show();
}

function showVerdict() {
  const decision = state.decision;
  const verdict = decision?.verdict ?? "none";
  $("verdict-card").dataset.verdict = verdict;
  const word = decision ? verdict : "–";
  if ($("verdict").textContent !== word) { // a live region is read out when it is written to
    $("sign").textContent = SIGNS[verdict] ?? "";
    $("verdict").textContent = word;
    $("meaning").textContent = decision ? MEANINGS[verdict] : "Shown once a picture has been looked at.";
  }
  $("reasons").replaceChildren(...(decision?.reasons ?? []).map(({ code, text, rule }) => {
    const item = make("li");
    item.append(make("b", rule ?? code), make("span", text));
    return item;
  }));
  $("rule-counts").replaceChildren(...Object.entries(decision?.counts ?? {}).map(([rule, count]) => {
    const fact = make("div");
    fact.append(make("dt", rule), make("dd", String(count)));
    return fact;
  }));
  const moved = decision && state.threshold !== null;
  $("other-threshold").hidden = !moved;
  $("other-threshold").textContent = moved
    ? `The verdict is for the model’s threshold, ${two(own())}; the picture shows ${two(state.threshold)}.`
    : "";
}

function showThreshold() {
  if (!state.model) return;
  const slider = $("threshold");
  const value = state.threshold ?? own();
  slider.value = value;
  $("value").textContent = two(value);
  const place = (own() - slider.min) / (slider.max - slider.min);
  $("mark").style.setProperty("--at", place);
  $("mark").hidden = false;
  slider.style.setProperty("--at", (value - slider.min) / (slider.max - slider.min));
  const several = Object.keys(state.model.thresholds?.classes ?? {}).length;
  $("own").textContent = `Model’s own: ${two(own())}${several ? ", and of some classes another" : ""}`;
  slider.setAttribute("aria-valuetext", `${two(value)}${state.threshold === null ? ", the model’s own" : ""}`);
  $("reset").disabled = state.threshold === null;
  const rows = state.result?.detections ?? [];
  const cut = state.result?.saturated && rows.length ? rows[rows.length - 1].confidence : 0;
  $("incomplete").hidden = !(cut && value < cut);
  $("incomplete").textContent = `The server returns at most ${rows.length}: some below ${two(cut)} are missing.`;
}

function showLegend(rows) {
  const classes = state.result?.classes;
  const counts = new Map();
  for (const { class_id: number } of rows) counts.set(number, (counts.get(number) ?? 0) + 1);
  $("total").textContent = classes ? classes[0]?.name ?? "–" : state.result?.detections ? String(rows.length) : "–";
  const names = Object.entries(state.model?.names ?? {}); // an array or a mapping
  const shown = names.length > 12 ? names.filter(([number]) => counts.has(Number(number))) : names;
  $("legend").hidden = Boolean(classes) || state.model?.task === "classify";
  $("legend").replaceChildren(...shown.map(([number, name]) => {
    const item = make("li", "", counts.has(Number(number)) || !state.result ? "" : "none");
    item.append(swatch(number), make("span", name), make("b", state.result ? String(counts.get(Number(number)) ?? 0) : ""));
    return item;
  }));
}

function swatch(number) {
  const element = make("i", "", "swatch");
  element.style.background = colour(number);
  return element;
}

function showTimes() {
  const times = (state.decision ?? state.result)?.times;
  const trip = state.trip;
  $("trip").textContent = trip === null ? "–" : `${trip.toFixed(0)} ms`;
  const parts = times ? [["Prepare", times.preprocess], ["Network", times.inference], ["Read out", times.postprocess]] : [];
  const rest = trip - parts.reduce((sum, [, ms]) => sum + ms, 0);
  if (times && trip !== null) parts.push(["Way and wait", Math.max(rest, 0)]);
  $("stages").replaceChildren(...parts.map(([, ms]) => {
    const bar = make("i");
    bar.style.flexGrow = ms;
    return bar;
  }));
  $("times").replaceChildren(...parts.map(([key, ms]) => {
    const fact = make("div");
    fact.append(make("dt", key), make("dd", `${ms.toFixed(1)} ms`));
    return fact;
  }));
}

function showTable(rows) {
  const classes = state.result?.classes;
  const turned = rows.some((row) => row.angle !== undefined);
  const heads = classes ? ["Class", "Confidence"] : ["Class", "Confidence", "x", "y", "Width", "Height", ...(turned ? ["Angle"] : [])];
  const head = make("tr");
  head.append(...heads.map((text) => Object.assign(make("th", text), { scope: "col" })));
  const filled = classes ?? rows;
  $("head").replaceChildren(...(filled.length ? [head] : []));
  $("rows").replaceChildren(...filled.map((row, i) => tableRow(row, i, turned)));
  $("nothing").hidden = filled.length > 0;
  $("nothing").textContent = state.result ? "Nothing above the threshold." : "Nothing to list yet.";
}

function tableRow(row, i, turned) {
  const line = make("tr");
  const name = Object.assign(make("th"), { scope: "row" });
  name.append(swatch(row.class_id), row.name);
  const score = make("td", two(row.confidence), "score");
  score.style.setProperty("--share", row.confidence);
  line.append(name, score);
  if (row.box) {
    const [x1, y1, x2, y2] = row.box;
    const values = [x1, y1, x2 - x1, y2 - y1].map((value) => value.toFixed(0));
    if (turned) values.push(`${((row.angle * 180) / Math.PI).toFixed(0)}°`);
    line.append(...values.map((value) => make("td", value)));
    line.addEventListener("pointerenter", () => point(i));
    line.addEventListener("pointerleave", () => point(-1));
  }
  return line;
}

function point(i) {
  state.hot = i;
  draw(above());
}
