// The whole page.

import { Activity, followActivity } from "./activity.js";
import { follow, go } from "./address.js";
import { DropHint, followDrops } from "./drop.js";
import { Facets } from "./facets.js";
import { Grid } from "./grid.js";
import { Icon } from "./icons.js";
import { number, otherLanguage, speak, t } from "./language.js";
import { focusSearch, SearchBox } from "./searchbox.js";
import { search } from "./searching.js";
import { clearSelection, SelectionBar } from "./selection.js";
import * as state from "./state.js";
import { nextTheme, theme } from "./theme.js";
import { html, render, signal } from "./view.js";
import { Viewer } from "./viewer.js";

const WIDE = matchMedia("(min-width: 900px)");

const hasFacets = signal(WIDE.matches);

function Page() {
  return html`<a class="skip" href="#results">${t("page.skip")}</a>
    <${Header} />
    <div class=${hasFacets.value ? "columns open" : "columns"}>
      <aside id="facets" class="facets" aria-label=${t("facets.label")} hidden=${!hasFacets.value} tabindex="0">
        ${hasFacets.value && html`<${Facets} />`}
      </aside>
      <main id="results" tabindex="-1">
        <${Summary} />
        <${Trouble} />
        <${Grid} />
        <${End} />
      </main>
    </div>
    <${SelectionBar} />
    <${Viewer} />
    <${DropHint} />
    <p class=${state.notice.value ? "notice" : "notice empty"} role="status">${state.notice.value}</p>`;
}

function Header() {
  const other = otherLanguage();
  const toggleFacets = () => {
    hasFacets.value = !hasFacets.value;
  };
  return html`<header>
    <h1><a href="/" onClick=${(event) => { event.preventDefault(); go({ text: "", terms: [], files: [] }); }}>Eidetic</a></h1>
    <${SearchBox} />
    <nav aria-label=${t("page.settings")}>
      <button class="quiet" aria-expanded=${String(hasFacets.value)} aria-controls="facets" title=${t("facets.label")}
        aria-label=${t("facets.label")} onClick=${toggleFacets}><${Icon} name="filters" /></button>
      <button class="quiet" title=${t(`theme.${theme.value}`)} aria-label=${t(`theme.${theme.value}`)}
        onClick=${nextTheme}><${Icon} name="theme" /></button>
      <button class="quiet language" lang=${other.code} onClick=${() => speak(other.code)}>${other.name}</button>
    </nav>
  </header>`;
}

/** How much was found; read out when it changes. */
function Summary() {
  const n = state.hits.value.length;
  const phase = state.phase.value;
  let told = "";
  if (phase === "searching") told = t("summary.searching");
  else if (phase !== "failed" && state.totalRows.value) {
    const key = state.isAsked.value ? "summary.found" : "summary.newest";
    told = t(state.isComplete.value ? key : `${key}.more`, { n });
  }
  return html`<div class="summary">
    <p role="status" aria-live="polite">${state.isWeak.value ? `${told}. ${t("line.none")}` : told}</p>
    ${phase === "done" && state.isAsked.value && html`<span class="told">${t("summary.took", { ms: number(state.tookMs.value, { maximumFractionDigits: 0 }) })}</span>`}
    <${Activity} />
  </div>`;
}

/** Where there is nothing to show: why, and what to do. */
function Trouble() {
  const problem = state.problem.value;
  if (problem && problem.position === null) {
    return html`<section class="trouble" role="alert">
      <h2>${t(problem.status === 0 ? "problem.gone" : "problem.title")}</h2>
      <p dir="auto">${problem.status === 0 ? t("problem.restart") : problem.detail}</p>
      <button class="strong" onClick=${() => search()}>${t("problem.again")}</button>
    </section>`;
  }
  if (state.phase.value !== "done" || state.hits.value.length) return null;
  if (state.isEmptyArchive.value) {
    return html`<section class="trouble"><h2>${t("empty.title")}</h2>
      <p>${t("empty.todo")}</p><pre dir="ltr">eidetic ingest ~/Pictures</pre></section>`;
  }
  return html`<section class="trouble"><h2>${t("none.title")}</h2><p>${t("none.todo")}</p></section>`;
}

/** Below the last hit. Until it is there nothing is below the grid that its growth could move. */
function End() {
  if (!state.isComplete.value || !state.hits.value.length) return null;
  return html`<p class="end told">${t("grid.end")}</p>`;
}

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, dialog");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    focusSearch();
  } else if (event.key === "Escape" && !isTyping && state.selected.value.size) {
    clearSelection();
  }
});

document.title = "Eidetic";
render(html`<${Page} />`, document.getElementById("page"));
followDrops();
follow();
followActivity();
if (WIDE.matches) focusSearch();
