// From a question to hits: the first few at once, the next before they are scrolled to.

import * as api from "./api.js";
import { joinQuery } from "./query.js";
import * as state from "./state.js";
import { batch } from "./view.js";

// Few enough to come at once, enough to fill a screen; then what ten screens take; then many at a
// time, because the server goes through all the former ones again to fold or sort them.
const FIRST_PAGE = 40;
const SECOND_PAGE = 200;
const NEXT_PAGE = 1000;

// The server's own limit on k and offset together.
const MOST_HITS = 16_384;

// All rows, the newest first: what is shown while nothing is asked for.
const EVERYTHING = "type:photo|frame|crop";

// The thumbnails of the first hits come before counts.
const COUNT_AFTER_MS = 700;

// Answers that going back shows again without asking, by their questions.
const MOST_KEPT = 12;
const kept = new Map();

let running = new AbortController();

/** Write the question of the page as the server takes it. */
export function question() {
  const { text, terms } = state.asked.value;
  return state.isAsked.value ? joinQuery(text, terms) : EVERYTHING;
}

/**
 * Ask the question of the page.
 *
 * @param {boolean} mayBeKept whether an answer that was seen before will do.
 */
export async function search({ mayBeKept = false } = {}) {
  running.abort();
  running = new AbortController();
  const known = mayBeKept ? kept.get(keyOf()) : undefined;
  if (known) {
    showHits(known);
    countLater();
    return;
  }
  batch(() => {
    state.phase.value = "searching";
    state.problem.value = null;
  });
  await guarded(async (signal) => {
    const answer = await fetchPage(0, FIRST_PAGE, signal);
    const { hits } = answer;
    const isComplete = hits.length < FIRST_PAGE;
    showHits({ hits, isComplete, lineAt: findLine(hits), answer });
    countLater();
  });
}

/** Fetch the next hits, unless that is being done or there are no more. */
export async function more() {
  if (state.phase.value !== "done" || state.isComplete.value) return;
  const before = state.hits.value;
  const isSecond = before.length <= FIRST_PAGE && before[0].score !== null;
  const k = Math.min(isSecond ? SECOND_PAGE : NEXT_PAGE, MOST_HITS - before.length);
  state.phase.value = "more";
  await guarded(async (signal) => {
    const answer = await fetchPage(before.length, k, signal);
    // Rows that were written meanwhile move the others down: none is shown twice.
    const seen = new Set(before.map((hit) => hit.id));
    const hits = [...before, ...answer.hits.filter((hit) => !seen.has(hit.id))];
    const isComplete = answer.hits.length < k || hits.length >= MOST_HITS;
    // A line that is there stays, for nothing that is shown may move.
    const lineAt = state.lineAt.value ?? findLine(hits);
    batch(() => {
      state.hits.value = hits;
      state.isComplete.value = isComplete;
      state.lineAt.value = lineAt;
      state.phase.value = "done";
    });
    keep({ hits, isComplete, lineAt, answer });
  });
}

async function guarded(work) {
  const { signal } = running;
  try {
    await work(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Problem)) throw error;
    batch(() => {
      state.problem.value = error;
      state.phase.value = "failed";
    });
  }
}

function fetchPage(offset, k, signal) {
  const files = state.asked.value.files.map((each) => each.file);
  // Folding what nobody asked for would cost more than listing it.
  const fold = state.isAsked.value;
  return api.search({ q: question(), files, k, offset, fold, signal });
}

// Hits that words alone found are likely wherever they stand among the weak: the line is below the
// last likely one of those that are there.
function findLine(hits) {
  const last = hits.findLastIndex((hit) => hit.likely === true);
  return last >= 0 && last + 1 < hits.length ? last + 1 : null;
}

function showHits(found) {
  batch(() => {
    state.serial.value += 1;
    state.hits.value = found.hits;
    state.isComplete.value = found.isComplete;
    state.lineAt.value = found.lineAt;
    state.totalRows.value = found.answer.total_rows;
    state.tookMs.value = found.answer.took_ms;
    state.current.value = 0;
    state.problem.value = null;
    state.phase.value = "done";
  });
  keep(found);
}

function keep(found) {
  const key = keyOf();
  kept.delete(key);
  kept.set(key, found);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

function keyOf() {
  return JSON.stringify([question(), ...state.asked.value.files.map((each) => each.key)]);
}

// Counting reads every row: it waits until the hits are on the screen. An answer that comes late is
// still better than an older one, so a new question does not end it.
let counted = 0;
let counting = 0;

function countLater() {
  counting += 1;
  const turn = counting;
  setTimeout(async () => {
    if (turn !== counting) return;
    try {
      const found = await api.facets(state.asked.value.text);
      if (turn > counted) state.facets.value = { ...found, turn };
      counted = Math.max(counted, turn);
    } catch (error) {
      // The grid has shown, or will show, what is wrong.
      if (!(error instanceof api.Problem)) throw error;
    }
  }, COUNT_AFTER_MS);
}
