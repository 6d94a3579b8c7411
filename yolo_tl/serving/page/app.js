// From a file, the clipboard or the camera to the server and back.
// A verdict is always the server's: that of its rules at the model's own threshold. Below that threshold a second
// answer is asked for, so that the slider only has to filter.

import { Refusal, ask, cancelKey, pause } from "./server.js";
import { complain, note, show, showModel, sized, tell } from "./show.js";
import { $, FLOOR, lowest, own, state } from "./state.js";

const CAMERA_WIDTH = 1280; // px, asked of the camera
const QUALITY = 0.92; // of the JPEG that a frame is sent as

let turn = 0; // number of what is looked at; an answer to an earlier one is dropped
let stop = new AbortController(); // of the requests in flight
let stream = null; // of the camera
let last = null; // what to look at again

const told = (text) => {
  tell(text, "busy");
  if (stream) withdraw();
};
const resting = () => (state.picture || state.result ? "ready" : "empty");

async function loadModel() {
  state.model = await ask("v1/model", { told });
  state.floor = Math.min(FLOOR, lowest());
  showModel();
}

function begin() {
  stop.abort();
  stop = new AbortController();
  complain(null);
  return ++turn;
}

function forget() {
  state.picture?.close();
  Object.assign(state, { picture: null, result: null, decision: null, trip: null, hot: -1 });
}

function withdraw() { // a verdict on an earlier frame is none on what is there now
  state.decision = null;
  show();
}

async function attempt(work, mine) {
  try {
    await work();
    return true;
  } catch (error) {
    if (mine === turn && error.name !== "AbortError") {
      tell("", resting());
      complain(error);
    }
    return false;
  }
}

// --- one picture

async function look(blob, label) {
  stopCamera();
  const mine = begin();
  last = { blob, label };
  forget();
  tell("Looking …", "busy");
  const picture = await createImageBitmap(blob).catch(() => null); // null: a format that only the server reads
  if (mine !== turn) return;
  state.picture = picture;
  show();
  await attempt(async () => {
    if (!state.model) await loadModel();
    await judge(blob, mine, state.model.task === "classify" ? lowest() : FLOOR);
    tell(`${label}${sized()}`, "ready");
  }, mine);
}

// The verdict first, then what lies below its threshold, both of one model; shown as it comes, or with `picture` at once.
async function judge(blob, mine, floor, picture = null) {
  const { signal } = stop;
  const started = performance.now();
  const found = picture ? { picture, decision: null } : { decision: null };
  const use = () => {
    if (mine !== turn) return;
    if (picture && state.picture !== picture) state.picture?.close();
    Object.assign(state, found);
    show();
  };
  const below = floor < lowest() && state.floor < lowest();
  if (state.model.rules) {
    found.decision = found.result = await inspect(blob, signal);
    if (found.decision) {
      found.complete = lowest();
      found.trip = performance.now() - started;
      if (below && !picture) use();
    }
  }
  if (!found.decision || below) {
    found.result = below ? await detectBelow(blob, floor, signal) : await ask("v1/detect", { body: blob, signal, told });
    found.complete = completeTo(found.result, Math.max(below ? floor : lowest(), state.floor));
    found.trip ??= performance.now() - started;
    if (found.decision && found.decision.model !== found.result.model) return judge(blob, mine, floor, picture);
  }
  use();
  if (found.result.model && found.result.model !== state.model.sha256) await loadModel(); // it was replaced meanwhile
}

async function inspect(blob, signal) {
  try {
    return await ask("v1/inspect", { body: blob, signal, told });
  } catch (error) {
    if (error.status !== 404 && error.status !== 409) throw error;
    await loadModel(); // the rules have gone
    return null;
  }
}

async function detectBelow(blob, confidence, signal) {
  try {
    return await ask(`v1/detect?confidence=${confidence}`, { body: blob, signal, told });
  } catch (error) {
    if (error.status !== 400 && error.status !== 422) throw error;
    const found = await ask("v1/detect", { body: blob, signal, told });
    state.floor = lowest(); // the picture is fine, so it was the confidence: a threshold that is built in
    showModel();
    return found;
  }
}

function completeTo({ saturated, detections = [] }, floor) {
  return saturated && detections.length ? Math.max(detections[detections.length - 1].confidence, floor) : floor;
}

// --- the camera

async function startCamera(device) {
  stopCamera();
  const mine = begin();
  tell("Starting the camera …", "busy");
  const wish = device ? { deviceId: { exact: device } } : { facingMode: { ideal: "environment" } };
  let opened;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    opened = await navigator.mediaDevices.getUserMedia({ video: { ...wish, width: { ideal: CAMERA_WIDTH } } });
  } catch (error) {
    tell("", resting());
    complain(cameraRefusal(error));
    return;
  }
  if (mine !== turn) {
    opened.getTracks().forEach((track) => track.stop());
    return;
  }
  stream = opened;
  last = null;
  forget();
  opened.getVideoTracks()[0].addEventListener("ended", () => {
    if (stream !== opened) return;
    stopCamera();
    complain(new Refusal("The camera has gone.", "Is it still plugged in?"));
  });
  cameraIs(true);
  await listCameras(opened);
  $("video").srcObject = opened;
  await $("video").play().catch(() => {}); // a stream that was stopped meanwhile
  if (!(await attempt(() => watch($("video"), mine), mine))) stopCamera(mine);
}

// One frame after the other, never two at once: a slow server gets fewer, not a queue.
async function watch(video, mine) {
  const sheet = document.createElement("canvas");
  let before = null;
  let every = null; // ms a frame, smoothed
  while (mine === turn) {
    if (document.hidden || !video.videoWidth) {
      before = null;
      await pause(100, stop.signal);
      continue;
    }
    Object.assign(sheet, { width: video.videoWidth, height: video.videoHeight });
    sheet.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => sheet.toBlob(done, "image/jpeg", QUALITY));
    const picture = await createImageBitmap(sheet); // what is asked about; the video will have gone on
    if (mine !== turn) return;
    last = { blob, label: "Last frame" };
    if (!state.picture) {
      state.picture = picture;
      show();
    }
    if (!state.model) await loadModel();
    await judge(blob, mine, Math.min(state.threshold ?? lowest(), lowest()), picture);
    if (mine !== turn) return;
    const now = performance.now();
    if (before !== null) every = every === null ? now - before : 0.8 * every + 0.2 * (now - before);
    before = now;
    note("rate", every && `${(1000 / every).toFixed(1)} frames/s`);
    tell(`Camera${sized()}`, "ready");
    await new Promise((done) => setTimeout(done)); // what was drawn is to be seen
  }
}

function stopCamera(mine = turn) {
  if (!stream || mine !== turn) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = null;
  stop.abort();
  turn++;
  $("video").srcObject = null;
  withdraw();
  tell("", resting());
  cameraIs(false);
}

function cameraIs(on) {
  $("camera").textContent = on ? "Stop camera" : "Start camera";
  $("camera").setAttribute("aria-pressed", String(on));
  note("rate");
  if (!on) $("cameras").hidden = true;
}

async function listCameras(opened) {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  const used = opened.getVideoTracks()[0].getSettings().deviceId;
  $("cameras").replaceChildren(
    ...devices.map(({ label, deviceId }, i) => new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === used)),
  );
  $("cameras").hidden = devices.length < 2 || !stream;
}

function cameraRefusal(error) {
  const known = {
    NotAllowedError: ["The camera may not be used.", "Allow it for this page in the browser’s settings."],
    NotFoundError: ["There is no camera.", "Plug one in, or choose an image."],
    SecurityError: ["The camera needs a secure page.", "Open this page by https, or on the server itself."],
  };
  return new Refusal(...(known[error.name] ?? ["The camera does not start.", error.message || error.name]));
}

// --- controls

function again() {
  if (last) look(last.blob, last.label);
  else start();
}

function take(files) {
  if (files?.length) look(files[0], files[0].name || "Pasted image");
}

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  take($("file").files);
  $("file").value = ""; // the same file can be chosen again
});
$("camera").addEventListener("click", () => {
  if (!stream) startCamera();
  else if (last) again(); // the last frame in full, for the slider
  else stopCamera();
});
$("cameras").addEventListener("change", () => startCamera($("cameras").value));
$("again").addEventListener("click", again);
$("key-cancel").addEventListener("click", cancelKey);
$("threshold").addEventListener("input", () => {
  const value = Number($("threshold").value);
  state.threshold = Math.abs(value - own()) < 0.005 ? null : value;
  state.hot = -1;
  show();
});
$("reset").addEventListener("click", () => {
  state.threshold = null;
  show();
  $("threshold").focus(); // the button has just been disabled
});

const over = (on) => (event) => {
  event.preventDefault();
  $("view").classList.toggle("over", on);
  if (event.type === "drop") take(event.dataTransfer.files);
};
addEventListener("dragover", over(true));
addEventListener("dragleave", over(false));
addEventListener("drop", over(false));
addEventListener("paste", (event) => take(event.clipboardData.files));
let wide = 0;
addEventListener("resize", () => {
  if (wide === $("view").clientWidth) return; // a phone's address bar comes and goes
  wide = $("view").clientWidth;
  show();
});

function start() {
  return attempt(loadModel, begin());
}

start();
