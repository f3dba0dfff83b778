// The search box: words and filters, the images that are asked for beside them, what may follow.

import { addFiles, go } from "./address.js";
import { thumbnailUrl } from "./api.js";
import { Icon } from "./icons.js";
import { t } from "./language.js";
import { Mistake } from "./mistake.js";
import * as state from "./state.js";
import { accept, begin, clear, Suggestions, move, OPTION_ID, suggestions } from "./suggestions.js";
import { visible } from "./text.js";
import { html, useEffect, useRef } from "./view.js";

/** Bring the keyboard to the box. */
export function focusSearch() {
  document.getElementById("query")?.focus();
}

export function SearchBox() {
  const input = useRef(null);
  const picker = useRef(null);
  const { terms, files } = state.asked.value;
  const problem = state.problem.value;
  const isMistaken = problem?.position != null;
  const { items, active } = suggestions.value;
  const isOpen = items.length > 0;

  useEffect(() => {
    if (!isMistaken) return;
    const at = problem.indexIn(state.asked.value.text);
    input.current.focus();
    input.current.setSelectionRange(at, at);
  }, [problem]);

  const enter = (event) => {
    event.preventDefault();
    clear();
    go({ text: state.draft.value });
  };
  const type = (event) => {
    state.draft.value = event.currentTarget.value;
    if (isMistaken) state.problem.value = null;
    begin(state.draft.value, event.currentTarget.selectionStart);
  };
  const press = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) move(event.key === "ArrowDown" ? 1 : -1);
      else begin(state.draft.value, event.currentTarget.selectionStart, { isWanted: true });
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      clear();
    } else if ((event.key === "Enter" || event.key === "Tab") && isOpen && active >= 0) {
      event.preventDefault();
      accept(active, input.current);
    }
  };
  const described = isMistaken ? "mistake" : undefined;

  return html`<form class="search" role="search" onSubmit=${enter}>
    <div class="box">
      <${Chips} terms=${terms} files=${files} />
      <input id="query" ref=${input} type="search" dir="auto" autocomplete="off" spellcheck=${false}
        enterkeyhint="search" role="combobox" aria-autocomplete="list" aria-controls="suggestions"
        aria-expanded=${String(isOpen)} aria-activedescendant=${active >= 0 ? OPTION_ID + active : undefined}
        aria-label=${t("search.label")} aria-invalid=${String(isMistaken)} aria-describedby=${described}
        placeholder=${t("search.hint")} value=${state.draft.value}
        onInput=${type} onKeyDown=${press} onBlur=${clear} />
      <button type="button" class="quiet" title=${t("search.image")} aria-label=${t("search.image")}
        onClick=${() => picker.current.click()}><${Icon} name="image" /></button>
      <input ref=${picker} type="file" accept="image/*" multiple hidden onChange=${(event) => {
        if (event.currentTarget.files.length) addFiles([...event.currentTarget.files]);
        event.currentTarget.value = "";
      }} />
      <button class="strong" aria-label=${t("search.go")}><${Icon} name="search" /></button>
    </div>
    <${Suggestions} onPick=${(index) => accept(index, input.current)} />
    ${isMistaken && html`<${Mistake} problem=${problem} text=${state.asked.value.text} />`}
  </form>`;
}

function Chips({ terms, files }) {
  if (!terms.length && !files.length) return null;
  const without = (list, one) => list.filter((each) => each !== one);
  const turn = (term) => ({ ...term, sign: term.sign === "+" ? "-" : "+" });
  return html`<ul class="chips" aria-label=${t("chips.label")}>
    ${terms.map((term) => html`<li key=${term.id} class=${term.sign === "-" ? "chip not" : "chip"}>
      <button type="button" class="sign" aria-label=${t(term.sign === "+" ? "chips.like" : "chips.unlike")}
        title=${t("chips.turn")}
        onClick=${() => go({ text: state.draft.value, terms: terms.map((e) => (e === term ? turn(e) : e)) })}
      ><${Icon} name=${term.sign === "+" ? "more" : "less"} /></button>
      <img src=${thumbnailUrl(term.id, 160)} alt="" width="32" height="32" />
      <button type="button" aria-label=${t("chips.remove")}
        onClick=${() => go({ text: state.draft.value, terms: without(terms, term) })}
      ><${Icon} name="close" /></button>
    </li>`)}
    ${files.map((entry) => html`<li key=${entry.key} class="chip" title=${visible(entry.file.name)}>
      <img src=${entry.url} alt=${visible(entry.file.name)} width="32" height="32" />
      <button type="button" aria-label=${t("chips.remove")}
        onClick=${() => go({ text: state.draft.value, files: without(files, entry) })}
      ><${Icon} name="close" /></button>
    </li>`)}
  </ul>`;
}
