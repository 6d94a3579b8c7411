// The panels beside and below the picture, made from the state.

import { colour, draw } from "./draw.js";
import { $, above, own, size, state, two } from "./state.js";

const SIGNS = { PASS: "✓", FAIL: "✕", UNKNOWN: "?" };
const MEANINGS = {
  PASS: "Every rule is kept.",
  FAIL: "A rule is broken.",
  UNKNOWN: "The picture was not, or not properly, looked at.",
};
const MANY = 12; // classes; with more, only those that were found are listed

function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  return element;
}

function facts(pairs) {
  return pairs.map(([key, value, title]) => {
    const fact = make("div");
    fact.append(make("dt", key), make("dd", String(value)));
    if (title) fact.title = title;
    return fact;
  });
}

function swatch(number) {
  const element = make("i", "", "swatch");
  element.style.background = colour(number);
  return element;
}

export function show() {
  const rows = above();
  showVerdict();
  showThreshold();
  showLegend(rows);
  showTimes();
  showTable(rows);
  draw(rows);
}

export function tell(text, what) {
  if ($("state").textContent !== text) $("state").textContent = text || "\u00a0";
  $("view").dataset.state = what;
  $("view").setAttribute("aria-busy", String(what === "busy"));
}

export const sized = () => (size() ? ` · ${size()[1]} × ${size()[0]} px` : "");

export function note(id, text) {
  $(id).textContent = text || "";
  $(id).hidden = !text;
}

export function complain(error) {
  $("problem").hidden = !error;
  if (!error) return;
  note("problem-text", error.message[0].toUpperCase() + error.message.slice(1));
  note("problem-hint", error.hint);
  const { status = 0 } = error; // asking again helps against what passes, not against a wrong file
  $("again").hidden = status >= 400 && status < 500 && ![401, 408, 429].includes(status);
}

export function showModel() {
  const { name, sha256, task, imgsz, rules } = state.model;
  const told = [
    ["Model", name],
    ["SHA-256", sha256.slice(0, 12), sha256],
    ["Task", task],
    ["Input", imgsz.join(" × ")],
    ["Rules", rules?.slice(0, 12) ?? "none", rules],
  ];
  $("model").replaceChildren(...facts(told));
  const classify = task === "classify";
  $("threshold-card").hidden = classify;
  $("threshold").disabled = false;
  $("threshold").min = state.floor;
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
  const meaning = decision ? MEANINGS[verdict] : "Shown once a picture has been looked at.";
  if ($("verdict").textContent !== word || !$("meaning").textContent) { // what is written is read out, so only news is
    $("sign").textContent = SIGNS[verdict] ?? "";
    $("verdict").textContent = word;
    $("meaning").textContent = meaning;
  }
  $("reasons").hidden = !decision?.reasons?.length;
  $("reasons").replaceChildren(...(decision?.reasons ?? []).map(({ code, text, rule }) => {
    const item = make("li");
    item.append(make("b", rule ?? code), make("span", text));
    return item;
  }));
  const counts = Object.entries(decision?.counts ?? {});
  $("rule-counts").hidden = !counts.length;
  $("rule-counts").replaceChildren(...facts(counts));
  const moved = decision && state.threshold !== null;
  note("other-threshold", moved && `The verdict is for the model’s threshold, ${two(own())}. The picture shows ${two(state.threshold)}.`);
}

function showThreshold() {
  if (!state.model) return;
  const slider = $("threshold");
  const value = state.threshold ?? own();
  const place = (confidence) => (confidence - slider.min) / (slider.max - slider.min);
  slider.value = value;
  $("value").textContent = two(value);
  slider.style.setProperty("--at", place(value));
  $("mark").style.setProperty("--at", place(own()));
  $("mark").hidden = false;
  const several = Object.keys(state.model.thresholds?.by_class ?? {}).length;
  $("own").textContent = `Model’s own ${two(own())}${several ? ", of some classes another" : ""}`;
  slider.setAttribute("aria-valuetext", `${two(value)}${state.threshold === null ? ", the model’s own" : ""}`);
  $("reset").disabled = state.threshold === null;
  const missing = state.result?.detections && value < state.complete - 0.005;
  note("incomplete", missing && `Below ${two(state.complete)} not everything was returned.`);
}

function showLegend(rows) {
  const { classes, detections } = state.result ?? {};
  const counts = new Map();
  for (const row of rows) counts.set(row.class_id, (counts.get(row.class_id) ?? 0) + 1);
  $("total").textContent = classes ? classes[0]?.name ?? "–" : detections ? String(rows.length) : "–";
  const names = [...(state.model?.names ?? []).entries()];
  const shown = names.length > MANY ? names.filter(([number]) => counts.has(number)) : names;
  $("legend").hidden = Boolean(classes) || state.model?.task === "classify";
  $("legend").replaceChildren(...shown.map(([number, name]) => {
    const count = counts.get(number) ?? 0;
    const item = make("li", "", detections && !count ? "none" : "");
    item.append(swatch(number), make("span", name), make("b", detections ? String(count) : ""));
    return item;
  }));
}

function showTimes() {
  const times = (state.decision ?? state.result)?.times;
  const { trip } = state;
  const parts = times ? [["Prepare", times.preprocess], ["Network", times.inference], ["Read out", times.postprocess]] : [];
  const stages = parts.reduce((sum, [, ms]) => sum + ms, 0);
  if (times && trip !== null) parts.push(["Transfer and wait", Math.max(trip - stages, 0)]);
  $("trip").textContent = trip === null ? "–" : `${trip.toFixed(0)} ms`;
  $("stages").replaceChildren(...parts.map(([, ms]) => {
    const bar = make("i");
    bar.style.flexGrow = ms;
    return bar;
  }));
  $("times").replaceChildren(...facts(parts.map(([key, ms]) => [key, `${ms.toFixed(1)} ms`])));
}

function showTable(rows) {
  const classes = state.result?.classes;
  const turned = rows.some((row) => row.angle !== undefined);
  const places = classes ? [] : ["x", "y", "Width", "Height", ...(turned ? ["Angle"] : [])];
  const head = make("tr");
  head.append(...["Class", "Confidence", ...places].map((text) => Object.assign(make("th", text), { scope: "col" })));
  const filled = classes ?? rows;
  $("head").replaceChildren(...(filled.length ? [head] : []));
  $("rows").replaceChildren(...filled.map((row, i) => tableRow(row, i, turned)));
  note("nothing", !filled.length && (state.result ? "Nothing above the threshold." : "Nothing to list yet."));
}

function tableRow(row, i, turned) {
  const line = make("tr");
  const name = Object.assign(make("th"), { scope: "row" });
  name.append(swatch(row.class_id), row.name);
  const score = make("td", two(row.confidence), "score");
  score.style.setProperty("--share", row.confidence);
  line.append(name, score);
  if (!row.box) return line;
  const [x1, y1, x2, y2] = row.box;
  const values = [x1, y1, x2 - x1, y2 - y1].map((value) => value.toFixed(0));
  if (turned) values.push(`${((row.angle * 180) / Math.PI).toFixed(0)}°`);
  line.append(...values.map((value) => make("td", value)));
  line.addEventListener("pointerenter", () => point(i));
  line.addEventListener("pointerleave", () => point(-1));
  return line;
}

function point(i) {
  state.hot = i;
  draw(above());
}
