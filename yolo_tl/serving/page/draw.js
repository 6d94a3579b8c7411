// The picture with what was found in it, in device pixels.

import { $, size, state } from "./state.js";

const COLOURS = ["#2f9bff", "#ff8a3c", "#22c08b", "#e66cc0", "#ffd23f", "#8f7bff", "#ff5d5d", "#3fd3e6", "#a7d129", "#c49a6c"];
const TALLEST = 0.72; // of the window
const LARGEST = 4; // times its pixels
const DENSE = 12; // boxes; with more, names are left to the legend
const CROWD = 60; // boxes; with more, scores are left to the table
const VISIBLE = 0.5; // below it a keypoint is a guess

export const colour = (number) => COLOURS[number % COLOURS.length];

export function draw(rows) {
  const canvas = $("picture");
  const shape = size();
  canvas.hidden = !shape;
  if (!shape) return;
  const [height, width] = shape;
  const room = $("view").clientWidth;
  const scale = Math.min(room / width, (TALLEST * innerHeight) / height, LARGEST);
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.max(Math.round(width * scale * ratio), 1);
  canvas.height = Math.max(Math.round(height * scale * ratio), 1);
  canvas.style.width = `${canvas.width / ratio}px`;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = scale < 2;
  if (state.picture) pen.drawImage(state.picture, 0, 0, canvas.width, canvas.height);
  else blank(pen, canvas, ratio);
  const sheet = { pen, ratio, k: canvas.width / width, width: canvas.width };
  // Weakest first, so that the best is on top; what is pointed at above all.
  const order = rows.map((row, i) => [row, i]).reverse().sort((a, b) => (a[1] === state.hot) - (b[1] === state.hot));
  for (const [row] of order) if (row.mask) mask(sheet, row);
  for (const [row, i] of order) outline(sheet, row, i === state.hot);
  for (const [row] of order) if (row.keypoints) keypoints(sheet, row);
  for (const [row, i] of order) label(sheet, row, i === state.hot, rows.length);
  canvas.setAttribute("aria-label", told(rows));
}

function told(rows) {
  if (!state.result) return "The picture, not looked at yet";
  const best = state.result.classes?.[0];
  if (best) return `The picture: ${best.name}`;
  return `The picture with ${rows.length} ${rows.length === 1 ? "box" : "boxes"}; the table lists them`;
}

function blank(pen, canvas, ratio) {
  pen.fillStyle = "#777";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#fff";
  pen.font = `${13 * ratio}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.fillText("This browser cannot show the file", canvas.width / 2, canvas.height / 2);
}

function path({ pen, k }, row) {
  const [x1, y1, x2, y2] = row.box;
  const corners = row.corners ?? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x * k, y * k);
  pen.closePath();
}

function outline(sheet, row, hot) {
  const { pen, ratio } = sheet;
  path(sheet, row);
  const width = (hot ? 3.5 : 1.75) * ratio;
  pen.lineJoin = "round";
  pen.strokeStyle = "rgba(0,0,0,.55)"; // a rim, so that every colour is seen on every ground
  pen.lineWidth = width + 1.5 * ratio;
  pen.stroke();
  pen.strokeStyle = colour(row.class_id);
  pen.lineWidth = width;
  pen.stroke();
  if (hot) {
    pen.fillStyle = "rgba(255,255,255,.22)";
    pen.fill();
  }
}

function label({ pen, ratio, k, width }, row, hot, count) {
  if (count > CROWD && !hot) return;
  const score = row.confidence.toFixed(2);
  const text = count > DENSE && !hot ? score : `${row.name} ${score}`;
  const high = 16 * ratio;
  pen.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const wide = pen.measureText(text).width + 8 * ratio;
  const xs = row.corners?.map(([x]) => x) ?? [row.box[0]];
  const ys = row.corners?.map(([, y]) => y) ?? [row.box[1]];
  const x = Math.max(Math.min(Math.min(...xs) * k - ratio, width - wide), 0);
  const top = Math.min(...ys) * k;
  const y = top >= high ? top - high : Math.max(top, 0);
  pen.fillStyle = colour(row.class_id);
  pen.fillRect(x, y, wide, high);
  pen.fillStyle = "#10131a";
  pen.fillText(text, x + 4 * ratio, y + high / 2 + 0.5 * ratio);
}

function keypoints({ pen, ratio, k }, row) {
  for (const [x, y, seen = 1] of row.keypoints) {
    if (seen < VISIBLE) continue;
    pen.beginPath();
    pen.arc(x * k, y * k, 3.5 * ratio, 0, 2 * Math.PI);
    pen.fillStyle = colour(row.class_id);
    pen.fill();
    pen.lineWidth = 1.5 * ratio;
    pen.strokeStyle = "#fff";
    pen.stroke();
  }
}

const painted = new WeakMap(); // row → { canvas, x, y }: a mask is unpacked once, not at every move of the slider

function mask({ pen, k }, row) {
  if (!painted.has(row)) painted.set(row, paint(row));
  const made = painted.get(row);
  if (!made) return;
  pen.globalAlpha = 0.45;
  pen.drawImage(made.canvas, made.x * k, made.y * k, made.canvas.width * k, made.canvas.height * k);
  pen.globalAlpha = 1;
}

// Runs go down the columns and start with what is clear; only the part that holds the mask is kept.
function paint({ mask: { size: [height], counts }, class_id: number }) {
  const runs = [];
  let at = 0;
  counts.forEach((length, i) => {
    if (i % 2 && length) runs.push([at, length]);
    at += length;
  });
  if (!runs.length) return null;
  let [top, bottom] = [height, 0];
  for (const [start, length] of runs) {
    const first = start % height;
    const over = first + length > height;
    top = over ? 0 : Math.min(top, first);
    bottom = over ? height : Math.max(bottom, first + length);
  }
  const last = runs[runs.length - 1];
  const left = Math.floor(runs[0][0] / height);
  const right = Math.floor((last[0] + last[1] - 1) / height) + 1;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: right - left, height: bottom - top });
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour(number);
  for (let [start, length] of runs) {
    while (length > 0) {
      const [x, y] = [Math.floor(start / height), start % height];
      const part = Math.min(length, height - y);
      pen.fillRect(x - left, y - top, 1, part);
      start += part;
      length -= part;
    }
  }
  return { canvas, x: left, y: top };
}
