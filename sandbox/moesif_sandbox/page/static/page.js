// Keeps the page up to date: requests it again and merges the changes.
// There is no state here: the page shows the last response.
"use strict";

const [EVERY, SLOWEST] = [1000, 10_000]; // milliseconds between two requests: normally, and after failures
const PATIENCE = 10_000;
const LONGEST = 200_000; // characters of one expanded message

const unfolded = new WeakMap(); // the URL of the content that an expanded line shows
const still = matchMedia("(prefers-reduced-motion: reduce)");
let [asking, wait, timer, shown, settled] = [new AbortController(), EVERY, 0, "", ""];

async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(answer.statusText);
  return text;
}

async function renew(address, options = {}) {
  clearTimeout(timer);
  asking.abort(); // an older response must not replace a newer one
  const own = (asking = new AbortController());
  const signal = AbortSignal.any([own.signal, AbortSignal.timeout(PATIENCE)]);
  try {
    show(await ask(address, { ...options, signal }));
    wait = EVERY;
    say("live", "live");
  } catch {
    if (own.signal.aborted) return;
    wait = Math.min(wait * 2, SLOWEST);
    say("lost", "no response from the sandbox");
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(() => renew(location.href), wait);
}

function show(text) {
  const now = document.querySelector("main");
  if (text !== shown) {
    shown = text;
    const held = document.activeElement;
    const panel = held?.closest("section");
    merge(now, new DOMParser().parseFromString(text, "text/html").querySelector("main"));
    if (held !== document.activeElement) (held.isConnected ? held : panel)?.focus({ preventScroll: true });
    for (const line of now.querySelectorAll("details[data-from][open]")) unfold(line);
  }
  // For screen readers: announce the result of a run when it is over, not every second.
  const sum = now.dataset.said;
  const said = document.getElementById("said");
  if (settled === sum && said.textContent !== sum) said.textContent = sum;
  settled = sum;
}

function say(state, text) {
  const live = document.getElementById("live");
  if (live.textContent !== text) Object.assign(live, { className: state, textContent: text });
}

// Makes one element equal to another, but keeps elements with the same key, their focus and their
// scroll position; what was opened stays open.
function merge(now, fresh) {
  for (const { name, value } of fresh.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  for (const { name } of [...now.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) now.removeAttribute(name);
  if (now.hasAttribute("data-kept")) return;
  const keyed = new Map();
  for (const child of now.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let place = now.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = child.dataset?.key;
    const alike = place?.nodeName === child.nodeName && !place.dataset?.key;
    const match = key ? keyed.get(key) : alike && place;
    if (!match) {
      const added = now.insertBefore(document.adoptNode(child), place);
      if (key && keyed.size && !still.matches) added.animate([{ backgroundColor: "var(--fresh)" }, {}], 1200);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else now.insertBefore(match, place);
    if (match.nodeType === Node.ELEMENT_NODE) merge(match, child);
    else if (match.data !== child.data) match.data = child.data;
  }
  while (place) {
    const next = place.nextSibling;
    // A line in use stays, even if it is no longer in the shown part.
    const inUse = place.nodeName === "LI" && (place.contains(document.activeElement) || place.querySelector("details[open]"));
    if (!inUse) place.remove();
    place = next;
  }
}

async function unfold(line) {
  const from = line.dataset.from;
  if (!line.open || unfolded.get(line) === from) return;
  unfolded.set(line, from);
  try {
    const text = await ask(from, { signal: AbortSignal.timeout(PATIENCE) });
    if (line.dataset.from !== from) return;
    const whole = Object.assign(document.createElement("pre"), { tabIndex: 0 });
    whole.append(...coloured(text.slice(0, LONGEST)), text.length > LONGEST ? " …" : "");
    line.querySelector(".content").replaceChildren(whole);
  } catch {
    unfolded.delete(line);
  }
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function* coloured(json) {
  let end = 0;
  for (const found of json.matchAll(TOKEN)) {
    yield json.slice(end, found.index);
    const className = found[2] ? "name" : found[1] ? "text" : "value";
    yield Object.assign(document.createElement("span"), { className, textContent: found[0] });
    end = found.index + found[0].length;
  }
  yield json.slice(end);
}

async function copy(button) {
  const command = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command); // not permitted: select it for copying by hand
  }
}

document.addEventListener("toggle", ({ target }) => target.matches("details[data-from]") && unfold(target), true);

document.addEventListener("click", (event) => {
  const copied = event.target.closest("[data-copies]");
  if (copied) copy(copied);
  const link = event.target.closest("main a[href^='/?'], main a[href='/']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.replaceState(null, "", link.href);
  renew(link.href);
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  renew(event.target.action, { method: "POST", body });
});

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : renew(location.href)));

document.documentElement.classList.add("scripted");
renew(location.href);
