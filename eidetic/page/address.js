// The question in the page's address: back, forward, and links that others can open.

import { joinQuery, splitQuery } from "./query.js";
import { more, search } from "./searching.js";
import * as state from "./state.js";
import { batch } from "./view.js";

// Files that were dropped here, by key: an address cannot hold them, this page's history can name them.
const files = new Map();

let lastKey = 0;

/** Ask something: what is not given stays as it is. */
export function go(change) {
  const before = state.asked.value;
  ask({ ...before, ...change });
  const entry = { files: state.asked.value.files.map((each) => each.key), scroll: 0 };
  // The viewer has an entry of its own, whose place the new question takes.
  const write = history.state?.isViewing ? "replaceState" : "pushState";
  history[write](entry, "", addressOf(state.asked.value));
  state.viewed.value = null;
  scrollTo(0, 0);
  search();
}

/** Add an image of the archive to the question: "+" for more like it, "-" for others than it. */
export function addRow(sign, id) {
  const others = state.asked.value.terms.filter((term) => term.id !== id);
  go({ text: state.draft.value, terms: [...others, { sign, id }] });
}

/** Add image files to the question. */
export function addFiles(added) {
  const kept = added.map((file) => {
    lastKey += 1;
    const key = `${performance.timeOrigin}-${lastKey}`;
    const entry = { key, file, url: URL.createObjectURL(file) };
    files.set(key, entry);
    return entry;
  });
  go({ text: state.draft.value, files: [...state.asked.value.files, ...kept] });
}

/** Open the viewer on a hit; going back closes it. */
export function view(index) {
  if (state.viewed.value === null) {
    saveScroll();
    history.pushState({ ...history.state, isViewing: true }, "");
  }
  state.viewed.value = index;
}

/** Close the viewer as going back does. */
export function closeView() {
  if (history.state?.isViewing) history.back();
  else state.viewed.value = null;
}

/** Read the address now, and whenever back or forward changes it. */
export function follow() {
  history.scrollRestoration = "manual";
  addEventListener("popstate", () => {
    const wasViewing = state.viewed.value !== null;
    state.viewed.value = null;
    if (wasViewing && !history.state?.isViewing && isShown()) return;
    readAddress();
  });
  let timer = 0;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(saveScroll, 150);
  });
  readAddress();
}

async function readAddress() {
  const named = history.state?.files ?? [];
  const { text, terms } = splitQuery(new URLSearchParams(location.search).get("q") ?? "");
  ask({ text, terms, files: named.map((key) => files.get(key)).filter(Boolean) });
  const wanted = history.state?.scroll ?? 0;
  await search({ mayBeKept: true });
  requestAnimationFrame(() => scrollTo(0, wanted));
  if (wanted > document.documentElement.scrollHeight - innerHeight) await more();
}

function ask(question) {
  batch(() => {
    state.asked.value = question;
    state.draft.value = question.text;
  });
}

function isShown() {
  const { text, terms } = state.asked.value;
  return addressOf({ text, terms }) === location.pathname + location.search;
}

function saveScroll() {
  history.replaceState({ ...history.state, scroll: scrollY }, "");
}

function addressOf({ text, terms }) {
  const q = joinQuery(text, terms);
  return q ? `/?${new URLSearchParams({ q })}` : "/";
}
