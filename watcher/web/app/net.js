// Questions to the server, and what it says by itself.
import { lang } from "./words.js";

function query(params) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries({ lang, ...params })) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") found.append(name, one);
    }
  }
  return found;
}

export const address = (path, params) => `/api/1/${path}?${query(params)}`;

async function answer(path, params) {
  const found = await fetch(address(path, params));
  if (found.ok) return found;
  const told = await found.json().catch(() => ({}));
  throw new Error(told.error ?? `${found.status} ${found.statusText}`);
}

export const ask = async (path, params) => (await answer(path, params)).json();

const COLUMNS = ["x0", "x1", "first", "low", "high", "last"];

export async function curves(run, metrics, view) {
  const found = await answer("series", {
    run, m: metrics, x: view.axis, from: view.from, to: view.to, w: view.width,
    smooth: view.smooth || undefined, log: view.logx ? 1 : undefined,
  });
  return decoded(await found.arrayBuffer());
}

export function decoded(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  let at = 4 + size;
  for (const curve of head.curves) {
    for (const part of curve.parts) {
      for (const name of COLUMNS) {
        part[name] = Array.from(new Float64Array(buffer, at, part.cells));
        at += 8 * part.cells;
      }
      part.bad = new Map(part.bad);
    }
  }
  return head;
}

// One stream for all tabs: a browser opens only six connections to a server.
const channel = "BroadcastChannel" in window ? new BroadcastChannel("gptwatch") : null;
const HIDDEN_MS = 60_000;
const RETRY_MS = 2000;
let source = null;
let rev = 0;
let hearing = () => {};
let release = null;

function heard(message) {
  if (message.rev) rev = message.rev;
  hearing(message);
}

function say(message) {
  channel?.postMessage(message);
  heard(message);
}

function open() {
  source?.close();
  const made = (source = new EventSource(`/api/1/events?since=${rev}`));
  made.onmessage = (event) => say(JSON.parse(event.data));
  made.onerror = () => {
    say({ lost: true });
    // After an answer that is no stream a browser does not come back by itself.
    if (made.readyState === EventSource.CLOSED) setTimeout(() => { if (source === made) open(); }, RETRY_MS);
  };
  made.onopen = () => say({ found: true });
}

function close() {
  source?.close();
  source = null;
}

function lead() {
  if (!navigator.locks) {
    open();
    return;
  }
  navigator.locks.request("gptwatch-events", () => new Promise((resolve) => {
    if (document.hidden && source === null && hiddenSince && Date.now() - hiddenSince > HIDDEN_MS) {
      resolve();
      return;
    }
    release = () => { close(); release = null; resolve(); };
    open();
  }));
}

let hiddenSince = 0;

// What the stream of another tab brings, from now on.
export function listen(onMessage) {
  hearing = onMessage;
  if (channel) channel.onmessage = (event) => heard(event.data);
}

// A stream of our own as soon as no other tab has one.
export function stream(since) {
  rev = Math.max(rev, since);
  lead();
  let timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      hiddenSince = Date.now();
      timer = setTimeout(() => (release ?? close)(), HIDDEN_MS);
      return;
    }
    const gone = hiddenSince && Date.now() - hiddenSince > HIDDEN_MS;
    hiddenSince = 0;
    if (gone) {
      lead();
      hearing({ found: true, again: true });
    }
  });
}
