// What happens in the archive meanwhile: images that are being added, live.

import * as api from "./api.js";
import { t } from "./language.js";
import { search } from "./searching.js";
import * as state from "./state.js";
import { html } from "./view.js";

// While a command is writing; else; and after no answer came.
const BUSY_MS = 1500;
const IDLE_MS = 8000;
const AWAY_MS = 15_000;

/** Ask again and again, as long as the page is seen. */
export async function followActivity() {
  for (;;) {
    let pause = AWAY_MS;
    if (document.visibilityState === "visible") {
      try {
        state.progress.value = await api.progress();
        pause = state.progress.value.writer ? BUSY_MS : IDLE_MS;
      } catch (error) {
        if (!(error instanceof api.Problem)) throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export function Activity() {
  const now = state.progress.value;
  if (!now) return null;
  const n = state.totalRows.value === null ? 0 : now.rows - state.totalRows.value;
  return html`<span class="activity">
    ${now.writer && html`<${Writer} writer=${now.writer} />`}
    ${n !== 0 && html`<button class="link" onClick=${() => search()}>
      ${n > 0 ? t("activity.new", { n }) : t("activity.fewer", { n: -n })}</button>`}
  </span>`;
}

function Writer({ writer }) {
  const { doing, done, found, total } = writer;
  if (total === null) return html`<span class="busy">${t("activity.looking", { doing, n: found })}</span>`;
  return html`<label class="busy">${t("activity.writing", { doing, done, n: total })}
    <progress value=${done} max=${Math.max(1, total)}></progress></label>`;
}
