// What a search can be narrowed to: dates, cameras, tags and so on, and how many images have each.

import { go } from "./address.js";
import { month, number, t } from "./language.js";
import { hasFilter, toggleFilter } from "./query.js";
import * as state from "./state.js";
import { visible } from "./text.js";
import { html, signal, useLayoutEffect } from "./view.js";

// In the order of the panel; their values are those of the filter of the same name.
const LISTED = ["camera", "tag", "in", "place", "country", "lens", "format", "rating", "type"];
const FEW = 6;

const unfolded = signal(new Set());

export function Facets() {
  const counted = state.facets.value;
  // New counts are new elements, for those of the old ones that remain would move; the keyboard goes
  // on where it was.
  const focused = document.activeElement?.dataset.value;
  useLayoutEffect(() => {
    if (focused && document.activeElement === document.body) {
      document.querySelector(`[data-value="${CSS.escape(focused)}"]`)?.focus();
    }
  }, [counted]);
  if (!counted) return html`<p class="told">${t("facets.counting")}</p>`;
  const shown = LISTED.filter((name) => counted.facets[name]?.length);
  return html`<div key=${counted.turn}><p class="told">${t("facets.rows", { n: counted.rows })}${counted.complete ? "" : ` ${t("facets.part")}`}</p>
    <${Dates} years=${counted.facets.year ?? []} months=${counted.facets.month ?? []} />
    ${shown.map((name) => html`<${Values} key=${name} name=${name} values=${counted.facets[name]} />`)}</div>`;
}

function Dates({ years, months }) {
  if (!years.length) return null;
  const text = state.draft.value;
  const inYear = (value) => months.filter((each) => each.value.startsWith(value));
  const isOpen = (value) =>
    years.length === 1 || [value, ...inYear(value).map((e) => e.value)].some((each) => hasFilter(text, "date", each));
  const most = Math.max(...years.map((each) => each.count));
  return html`<fieldset><legend>${t("filter.date")}</legend>
    ${years.toReversed().map((each) => html`<div key=${each.value}>
      <${Value} name="date" value=${each} label=${each.value} share=${each.count / most} />
      ${isOpen(each.value) && html`<div class="months">
        ${inYear(each.value).map((one) => html`<${Value} key=${one.value} name="date" value=${one} label=${month(one.value)} />`)}
      </div>`}
    </div>`)}
  </fieldset>`;
}

function Values({ name, values }) {
  const isUnfolded = unfolded.value.has(name);
  const shown = isUnfolded ? values : values.slice(0, FEW);
  const most = values[0].count;
  const unfold = () => {
    unfolded.value = new Set([...unfolded.value, name]);
  };
  return html`<fieldset><legend>${t(`filter.${name}`)}</legend>
    ${shown.map((each) => html`<${Value} key=${each.value} name=${name} value=${each} label=${visible(each.value)} share=${each.count / most} />`)}
    ${!isUnfolded && values.length > FEW && html`<button class="link" onClick=${unfold}>
      ${t("facets.all", { n: values.length })}</button>`}
  </fieldset>`;
}

function Value({ name, value, label, share }) {
  const isOn = hasFilter(state.draft.value, name, value.value);
  const choose = () => go({ text: toggleFilter(state.draft.value, name, value.value) });
  return html`<button class="value" data-value=${`${name}:${value.value}`} aria-pressed=${String(isOn)} onClick=${choose}>
    <bdi>${label}</bdi> <span class="count">${number(value.count)}</span>
    ${share !== undefined && html`<span class="share" style=${{ inlineSize: `${100 * share}%` }}></span>`}
  </button>`;
}
