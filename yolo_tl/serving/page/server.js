// Questions to the server: patient where it is busy, with a key where it wants one.

import { $ } from "./state.js";

const TRIES = 6;

export class Refusal extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    Object.assign(this, { hint, status });
  }
}

export async function ask(path, { body = null, signal, told = () => {} } = {}) {
  for (let attempt = 1; ; attempt++) {
    const key = sessionStorage.getItem("key");
    const headers = body ? { "Content-Type": body.type || "application/octet-stream" } : {};
    if (key) headers.Authorization = `Bearer ${key}`;
    let answer;
    try {
      answer = await fetch(path, { method: body ? "POST" : "GET", headers, body, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The server does not answer.", "Is it running, and is this device on its network?");
    }
    if (answer.ok) return answer.json();
    if (answer.status === 401) {
      await askForKey(key);
      attempt = 0;
      continue;
    }
    const said = await answer.json().catch(() => ({}));
    if ((answer.status === 429 || answer.status === 503) && attempt < TRIES) {
      const seconds = Math.min(Number(answer.headers.get("Retry-After")) || 2 ** (attempt - 1), 30);
      told(`The server is busy. Trying again in ${seconds} s.`);
      await pause(seconds * 1000, signal);
      continue;
    }
    throw new Refusal(said.error || `The server answers ${answer.status}.`, said.hint, answer.status);
  }
}

export function pause(ms, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(new DOMException("stopped", "AbortError"));
    }, { once: true });
  });
}

let keyAsked = null; // one dialog for all requests that wait for it

function askForKey(tried) {
  if (tried !== sessionStorage.getItem("key")) return Promise.resolve(); // another request has got one
  keyAsked ??= new Promise((done, fail) => {
    const dialog = $("key-dialog");
    $("key-text").textContent = tried
      ? "The server does not know this key."
      : "This server asks for a key. It is kept until this tab is closed.";
    $("key").value = "";
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      keyAsked = null;
      const key = $("key").value.trim();
      $("key").value = "";
      if (dialog.returnValue !== "ok" || !key) {
        fail(new Refusal("The server asks for an API key.", "Whoever runs it can give you one.", 401));
        return;
      }
      sessionStorage.setItem("key", key);
      done();
    }, { once: true });
  });
  return keyAsked;
}

export const cancelKey = () => $("key-dialog").close("");
