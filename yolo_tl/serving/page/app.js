// From a file, the clipboard or the camera to the server and back.
// A verdict is always the server's, by its rules at the model's own threshold. Pictures are asked about a second time
// with a low confidence, so that the slider only has to filter.

import { loadModel as fetchModel } from "./server.js";

// ---------------------------------------------------------------- looking

async function look(blob, label) {
  stopCamera();
  state.last = { blob, label };
  const turn = begin();
  Object.assign(state, { result: null, decision: null, trip: null, picture: null });
  tell("Looking …", "busy");
  const picture = await createImageBitmap(blob).catch(() => null); // a format that only the server reads
  if (turn !== state.turn) return;
  state.picture = picture;
  show();
  await attempt(async () => {
    await judge(blob, turn);
    tell(label ? `${label}${sized()}` : `Pasted image${sized()}`, "ready");
  }, turn);
}

function begin() {
  state.stop?.abort();
  state.stop = new AbortController();
  complain(null);
  return ++state.turn;
}

// The verdict first, by the model's own threshold; then what lies below it.
async function judge(blob, turn) {
  const { signal } = state.stop;
  const found = {};
  if (!state.model) await loadModel();
  const floor = state.model.task === "classify" ? lowest() : FLOOR;
  const started = performance.now();
  if (state.model.rules) {
    try {
      found.result = found.decision = await ask("v1/inspect", blob, signal);
      found.trip = performance.now() - started;
      if (floor < lowest()) use(found, turn);
    } catch (error) {
      if (error.status !== 404 && error.status !== 409) throw error;
      await loadModel(); // the rules have gone with a model that was replaced
    }
  }
  if (!found.decision || floor < lowest()) {
    found.result = await detect(blob, floor, signal);
    found.trip ??= performance.now() - started;
  }
  use(found, turn);
  if (found.result.model && state.model.sha256 && found.result.model !== state.model.sha256) await loadModel();
}

async function detect(blob, floor, signal) {
  if (floor >= lowest() || state.floor >= lowest()) return ask("v1/detect", blob, signal);
  try {
    return await ask(`v1/detect?confidence=${floor}`, blob, signal);
  } catch (error) {
    if (error.status !== 400 && error.status !== 422) throw error;
    const found = await ask("v1/detect", blob, signal); // a threshold that is built in cannot be lowered
    state.floor = lowest();
    return found;
  }
}

function use(found, turn) {
  if (turn !== state.turn) return;
  Object.assign(state, { decision: null }, found);
  show();
}

async function attempt(work, turn) {
  try {
    await work();
    return true;
  } catch (error) {
    if (turn === state.turn && error.name !== "AbortError") {
      tell("", state.picture ? "ready" : "empty");
      complain(error);
      show();
    }
    return false;
  }
}

// ---------------------------------------------------------------- the camera

async function startCamera(device) {
  stopCamera();
  const turn = begin();
  tell("Starting the camera …", "busy");
  const wish = device ? { deviceId: { exact: device } } : { facingMode: { ideal: "environment" } };
  let stream;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { ...wish, width: { ideal: CAMERA_SIDE } }, audio: false });
  } catch (error) {
    tell("", state.picture ? "ready" : "empty");
    complain(cameraRefusal(error));
    return;
  }
  if (turn !== state.turn) return stream.getTracks().forEach((track) => track.stop());
  Object.assign(state, { stream, last: null, result: null, decision: null, trip: null, picture: null });
  cameraIs(true);
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    if (state.stream !== stream) return;
    stopCamera();
    complain(new Refusal("The camera has gone.", "Is it still plugged in?"));
  });
  await listCameras(stream);
  const video = $("video");
  video.srcObject = stream;
  await video.play().catch(() => {});
  await watch(stream, video, turn);
}

// One frame after the other, never two at once: a slow server gets fewer, not a queue.
async function watch(stream, video, turn) {
  let every = null; // ms a frame, smoothed
  let before = null;
  const sheet = document.createElement("canvas");
  while (state.stream === stream && turn === state.turn) {
    if (document.hidden || !video.videoWidth) {
      await pause(100);
      before = null;
      continue;
    }
    sheet.width = video.videoWidth;
    sheet.height = video.videoHeight;
    sheet.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => sheet.toBlob(done, "image/jpeg", 0.92));
    state.last = { blob, label: "Last frame" };
    const picture = await createImageBitmap(sheet); // what was asked about, not what is seen by then
    const kept = state.picture;
    const going = await attempt(async () => {
      if (!state.result) {
        state.picture = picture;
        show();
      }
      await judgeFrame(blob, picture, turn);
    }, turn);
    if (kept !== state.picture) kept?.close();
    if (turn !== state.turn) return;
    if (!going) return stopCamera();
    const now = performance.now();
    if (before !== null) every = every === null ? now - before : 0.8 * every + 0.2 * (now - before);
    before = now;
    rate(every === null ? "" : `${(1000 / every).toFixed(1)} frames/s`);
    tell(`Camera${sized()}`, "ready");
    await new Promise((done) => (document.hidden ? setTimeout(done) : requestAnimationFrame(done)));
  }
}

async function judgeFrame(blob, picture, turn) {
  // Below the model's own threshold a second answer is needed, so frames are asked about no lower than the slider.
    const next = { picture };
  const { signal } = state.stop;
  const started = performance.now();
  if (!state.model) await loadModel();
  const floor = Math.min(state.threshold ?? lowest(), lowest());
  if (state.model.rules) next.result = next.decision = await ask("v1/inspect", blob, signal);
  if (!next.result || floor < lowest()) next.result = await detect(blob, floor, signal);
  next.trip = performance.now() - started;
  use(next, turn);
}

function stopCamera() {
  if (!state.stream) return;
  state.stream.getTracks().forEach((track) => track.stop());
  state.stream = null;
  state.stop?.abort();
  state.turn++;
  $("video").srcObject = null;
  cameraIs(false);
}

async function listCameras(stream) {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const used = stream.getVideoTracks()[0].getSettings().deviceId;
  $("cameras").replaceChildren(...devices.map((device, i) => {
    const choice = make("option", device.label || `Camera ${i + 1}`);
    Object.assign(choice, { value: device.deviceId, selected: device.deviceId === used });
    return choice;
  }));
  $("cameras").hidden = devices.length < 2 || !state.stream;
}

function cameraIs(on) {
  $("camera").textContent = on ? "Stop camera" : "Start camera";
  $("camera").setAttribute("aria-pressed", String(on));
  rate("");
  if (!on) $("cameras").hidden = true;
}

function cameraRefusal(error) {
  const told = {
    NotAllowedError: ["The camera may not be used.", "Allow it for this page in the browser’s settings."],
    NotFoundError: ["There is no camera.", "Plug one in, or choose an image."],
    NotReadableError: ["The camera does not start.", "Another program may be using it."],
    SecurityError: ["The camera needs a secure page.", "Open this page by https, or on the device itself."],
  };
  return new Refusal(...(told[error.name] ?? ["The camera does not start.", String(error.message || error.name)]));
}

