// Hits that were chosen, and what can be done with them: paths to copy, a zip to save.

import * as api from "./api.js";
import { Icon } from "./icons.js";
import { t } from "./language.js";
import * as state from "./state.js";
import { html, signal } from "./view.js";

// The server's own limit.
const MOST_IN_ZIP = 500;

// Where a range begins: the hit that was chosen last by itself.
let anchor = 0;

const isPacking = signal(false);

/** Select a hit, or no longer. */
export function toggle(index) {
  const hit = state.hits.value[index];
  const chosen = new Map(state.selected.value);
  if (!chosen.delete(hit.id)) chosen.set(hit.id, hit);
  state.selected.value = chosen;
  anchor = index;
}

/** Select the hits from the one that was selected last to this one. */
export function extendTo(index) {
  const [from, to] = [Math.min(anchor, index), Math.max(anchor, index)];
  const chosen = new Map(state.selected.value);
  for (const hit of state.hits.value.slice(from, to + 1)) chosen.set(hit.id, hit);
  state.selected.value = chosen;
}

/** Select all hits that are there. */
export function selectAll() {
  state.selected.value = new Map(state.hits.value.map((hit) => [hit.id, hit]));
}

export function clearSelection() {
  state.selected.value = new Map();
  anchor = state.current.value;
}

export function SelectionBar() {
  const chosen = state.selected.value;
  const n = chosen.size;
  if (!n) return null;
  return html`<section class="selection" aria-label=${t("selection.label")}>
    <span>${t("selection.count", { n })}</span>
    <button onClick=${() => copyPaths([...chosen.values()])}><${Icon} name="copy" />${t("selection.copy")}</button>
    <button disabled=${isPacking.value} onClick=${() => download([...chosen.keys()])}
      ><${Icon} name="download" />${t("selection.zip")}</button>
    <button onClick=${clearSelection}><${Icon} name="close" />${t("selection.clear")}</button>
  </section>`;
}

async function copyPaths(chosen) {
  const text = chosen.map((hit) => hit.path).join("\n");
  if (await copy(text)) state.tell(t("selection.copied", { n: chosen.length }));
  else state.tell(t("selection.uncopied"));
}

async function copy(text) {
  // Browsers offer the clipboard to this machine's own pages and over TLS alone.
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  return isCopied;
}

async function download(ids) {
  if (ids.length > MOST_IN_ZIP) {
    state.tell(t("selection.most", { n: MOST_IN_ZIP }));
    return;
  }
  isPacking.value = true;
  state.tell(t("selection.packing", { n: ids.length }));
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await api.zip(ids));
    link.download = "images.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    state.tell(error.detail || t("problem.gone"));
  } finally {
    isPacking.value = false;
  }
}
