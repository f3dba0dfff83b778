// How the query may go on, as it is typed: names of filters, then values that the archive has.

import * as api from "./api.js";
import { number, t } from "./language.js";
import { fromCharacters, toCharacters } from "./query.js";
import * as state from "./state.js";
import { visible } from "./text.js";
import { html, signal } from "./view.js";

export const OPTION_ID = "suggestion-";

// Typing faster than this asks once.
const PAUSE_MS = 60;

const NONE = { start: 0, end: 0, items: [], active: -1 };

/** {start, end, items, active}: what may stand in the place from start to end, in characters. */
export const suggestions = signal(NONE);

let timer = 0;
let asking = new AbortController();

/**
 * Ask how a text may go on at the cursor.
 *
 * @param {boolean} isWanted whether the list was asked for, though nothing is typed yet.
 */
export function begin(text, cursor, { isWanted = false } = {}) {
  stop();
  const typed = text.slice(0, cursor);
  if (!isWanted && (!typed || /[\s-]$/u.test(typed))) {
    suggestions.value = NONE;
    return;
  }
  const { signal } = asking;
  timer = setTimeout(async () => {
    try {
      const told = await api.suggest(text, toCharacters(text, cursor), signal);
      if (signal.aborted) return;
      const { start, end } = told;
      suggestions.value = { start, end, items: told.suggestions, active: -1 };
    } catch (error) {
      // A query can be typed without them.
      if (!signal.aborted && !(error instanceof api.Problem)) throw error;
    }
  }, PAUSE_MS);
}

/** Close the list, and forget what was asked. */
export function clear() {
  stop();
  suggestions.value = NONE;
}

/** Go to the next suggestion or the one before, round the end. */
export function move(step) {
  const { items, active } = suggestions.value;
  const from = active < 0 && step < 0 ? 0 : active;
  const next = (from + step + items.length) % items.length;
  suggestions.value = { ...suggestions.value, active: next };
  document.getElementById(OPTION_ID + next)?.scrollIntoView({ block: "nearest" });
}

/** Put a suggestion into the text field; after a filter's name, its values are next. */
export function accept(index, input) {
  const { start, end, items } = suggestions.value;
  const { kind, text } = items[index];
  const before = input.value.slice(0, fromCharacters(input.value, start));
  const after = input.value.slice(fromCharacters(input.value, end));
  const added = kind === "value" && !after ? `${text} ` : text;
  const cursor = before.length + added.length;
  state.draft.value = before + added + after;
  input.value = state.draft.value;
  input.focus();
  input.setSelectionRange(cursor, cursor);
  if (kind === "filter") begin(input.value, cursor);
  else clear();
}

export function Suggestions({ onPick }) {
  const { items, active } = suggestions.value;
  const isOpen = items.length > 0;
  return html`<ul id="suggestions" class="popup suggestions" role="listbox"
      aria-label=${t("suggestions.label")} hidden=${!isOpen}>
    ${items.map((item, index) => html`<li key=${item.text} id=${OPTION_ID + index} role="option"
        aria-selected=${String(index === active)}
        onPointerDown=${(event) => event.preventDefault()} onClick=${() => onPick(index)}>
      <bdi class="name">${visible(item.kind === "filter" ? `${item.label}:` : item.label)}</bdi>
      <span class="told">${item.kind === "filter" ? t(`filter.${item.label}`) : item.count === null ? "" : number(item.count)}</span>
    </li>`)}
  </ul>`;
}

function stop() {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
}
