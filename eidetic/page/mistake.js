// A query that cannot be read: its text once more, a caret under the place, what is wrong there.

import { t } from "./language.js";
import { html } from "./view.js";

export function Mistake({ problem, text }) {
  const at = problem.indexIn(text);
  const [wrong = "\u00a0"] = text.slice(at);
  return html`<div id="mistake" class="popup mistake" role="alert">
    <p class="query" dir="auto" aria-hidden="true">${text.slice(0, at)}<span class="at">${wrong}</span
      >${text.slice(at + wrong.length)}</p>
    <p class="said" lang="en" dir="ltr"><span class="hidden">${t("mistake.label")}</span> ${problem.reason || problem.detail}</p>
  </div>`;
}
