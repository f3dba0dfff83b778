// One hit in the grid.

import { addRow } from "./address.js";
import { thumbnailUrl } from "./api.js";
import { Icon } from "./icons.js";
import { clock, number, t } from "./language.js";
import { toggle } from "./selection.js";
import * as state from "./state.js";
import { nameOf, timeOf, visible } from "./text.js";
import { html, useState } from "./view.js";

// Longer sides that the server makes, pixels.
const SIZES = [160, 320, 640];

/** Where an image's data on dragging is: its id, so that it can be dropped on the search. */
export const DRAGGED = "application/x-eidetic-image";

export function Tile({ hit, index, box, onOpen }) {
  const [isMissing, setMissing] = useState(false);
  const isSelected = state.selected.value.has(hit.id);
  // One stop of the tabulator for the whole grid; its arrows lead on.
  const stop = state.current.value === index ? 0 : -1;
  const name = visible(nameOf(hit.path));
  const date = hit.taken_at === null ? "" : clock(hit.taken_at);
  const time = hit.view === "frame" ? timeOf(hit.offset_ms) : "";
  const place = { insetInlineStart: `${box.start}px`, top: `${box.top}px` };
  const size = { width: `${box.width}px`, height: `${box.height}px` };
  const folded = hit.folded?.length ?? 0;
  return html`<li class=${isSelected ? "tile selected" : "tile"} style=${{ ...place, ...size }}>
    <button class="open" data-hit=${index} tabindex=${stop} draggable="true" aria-label=${[name, time, date].filter(Boolean).join(", ")}
      title=${name} onClick=${onOpen} onFocus=${() => { state.current.value = index; }}
      onDragStart=${(event) => event.dataTransfer.setData(DRAGGED, hit.id)}>
      ${isMissing
        ? html`<span class="gone"><bdi>${name}</bdi></span>`
        : html`<img alt="" draggable=${false} decoding="async" sizes=${`${Math.ceil(box.width)}px`}
            srcset=${sources(hit)} src=${thumbnailUrl(hit.id, 320)} onError=${() => setMissing(true)} />`}
    </button>
    ${folded > 0 && html`<span class="folded" title=${t("tile.folded", { n: folded })}>
      <span aria-hidden="true">+${number(folded)}</span><span class="hidden">${t("tile.folded", { n: folded })}</span></span>`}
    ${time && html`<span class="time" aria-hidden="true">${time}</span>`}
    <button class="check" role="checkbox" aria-checked=${String(isSelected)} tabindex=${stop}
      aria-label=${t("tile.select", { name })} onClick=${() => toggle(index)}><${Icon} name="check" /></button>
    <span class="acts">
      <button tabindex=${stop} title=${t("tile.more")} aria-label=${t("tile.more")}
        onClick=${() => addRow("+", hit.id)}><${Icon} name="more" /></button>
      <button tabindex=${stop} title=${t("tile.less")} aria-label=${t("tile.less")}
        onClick=${() => addRow("-", hit.id)}><${Icon} name="less" /></button>
    </span>
  </li>`;
}

/** The sizes there are, by the width that each has: sizes are of the longer side. */
function sources(hit) {
  const longer = Math.max(hit.width, hit.height);
  return SIZES.map((size) => {
    const width = Math.max(1, Math.round((hit.width * Math.min(size, longer)) / longer));
    return `${thumbnailUrl(hit.id, size)} ${width}w`;
  })
    .filter((source, at, all) => all.findIndex((e) => e.split(" ")[1] === source.split(" ")[1]) === at)
    .join(", ");
}

