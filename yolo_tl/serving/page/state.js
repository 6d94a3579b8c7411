// What the page knows. One object, changed by app.js and the controls, read by whatever shows it.

export const FLOOR = 0.01; // lowest confidence that is asked for

export const state = {
  model: null, // what /v1/model says
  picture: null, // ImageBitmap that the result belongs to; null where only the server can read the file
  result: null, // of /v1/detect or /v1/inspect
  decision: null, // of /v1/inspect
  trip: null, // ms from the question to the answer
  threshold: null, // null: the model's own, which may differ between classes
  complete: FLOOR, // confidence above which nothing is left out of the result
  floor: FLOOR, // lowest that this model can be asked for
  hot: -1, // row that is pointed at
};

export const $ = (id) => document.getElementById(id);
export const two = (value) => value.toFixed(2);
export const own = () => state.model?.thresholds?.confidence ?? 0.25;
export const lowest = () => Math.min(own(), ...Object.values(state.model?.thresholds?.by_class ?? {}));

// A score that equals the threshold is not enough, as in the detector.
const limit = (row) => state.threshold ?? state.model?.thresholds?.by_class?.[row.name] ?? own();
export const above = () => (state.result?.detections ?? []).filter((row) => row.confidence > limit(row));
export const size = () => state.result?.size ?? (state.picture ? [state.picture.height, state.picture.width] : null);
