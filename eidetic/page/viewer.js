// One image, large, over everything else.

import { addRow, closeView } from "./address.js";
import { fileUrl, playedUrl, shownUrl, thumbnailUrl } from "./api.js";
import { focusTile, reveal } from "./grid.js";
import { Icon } from "./icons.js";
import { isRightToLeft, t } from "./language.js";
import { Metadata } from "./metadata.js";
import { recall, remember } from "./preferences.js";
import { more } from "./searching.js";
import { toggle } from "./selection.js";
import * as state from "./state.js";
import { nameOf, visible } from "./text.js";
import { html, signal, useEffect, useLayoutEffect, useRef, useState } from "./view.js";

// Where the next hits are asked for, images before the last one.
const ASKED_BEFORE = 10;

const hasPanel = signal(recall("metadata") === "open");

export function Viewer() {
  const index = state.viewed.value;
  const hit = index === null ? undefined : state.hits.value[index];
  return hit ? html`<${Open} hit=${hit} index=${index} />` : null;
}

function Open({ hit, index }) {
  const dialog = useRef(null);
  const last = state.hits.value.length - 1;

  useLayoutEffect(() => {
    dialog.current.showModal();
    return () => {
      // Gone with the viewer, the keyboard would be nowhere.
      setTimeout(() => focusTile(state.current.value));
    };
  }, []);

  useEffect(() => {
    state.current.value = index;
    reveal(index);
    if (index > last - ASKED_BEFORE) more();
    for (const near of [state.hits.value[index + 1], state.hits.value[index - 1]]) {
      if (near) new Image().src = shownUrl(near.id);
    }
  }, [index, last]);

  const step = (by) => {
    const next = index + by;
    if (next >= 0 && next <= last) state.viewed.value = next;
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // A player has the arrows for itself.
    if (event.target instanceof HTMLVideoElement) return;
    const forward = isRightToLeft() ? "ArrowLeft" : "ArrowRight";
    const back = isRightToLeft() ? "ArrowRight" : "ArrowLeft";
    const does = {
      [forward]: () => step(1),
      [back]: () => step(-1),
      Home: () => step(-index),
      End: () => step(last - index),
      i: turnPanel,
      s: () => toggle(index),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  };
  const name = visible(nameOf(hit.path));
  const isSelected = state.selected.value.has(hit.id);
  return html`<dialog class="viewer" ref=${dialog} aria-label=${t("viewer.label", { name })}
      onKeyDown=${press} onCancel=${(event) => { event.preventDefault(); closeView(); }}>
    <div class="bar">
      <span class="title"><bdi>${name}</bdi></span>
      <span class="told" role="status">${t("viewer.place", { n: index + 1, last: last + 1 })}</span>
      <button role="checkbox" aria-checked=${String(isSelected)} title=${t("tile.select", { name })}
        aria-label=${t("tile.select", { name })} onClick=${() => toggle(index)}><${Icon} name="check" /></button>
      <${Act} icon="more" label="tile.more" onClick=${() => addRow("+", hit.id)} />
      <${Act} icon="less" label="tile.less" onClick=${() => addRow("-", hit.id)} />
      <a href=${fileUrl(hit.id)} download title=${t("viewer.download")} aria-label=${t("viewer.download")}><${Icon} name="download" /></a>
      <button aria-pressed=${String(hasPanel.value)} title=${t("viewer.info")} aria-label=${t("viewer.info")}
        onClick=${turnPanel}><${Icon} name="info" /></button>
      <button autofocus title=${t("viewer.close")} aria-label=${t("viewer.close")} onClick=${closeView}><${Icon} name="close" /></button>
    </div>
    <${Stage} key=${hit.id} hit=${hit} name=${name}>
      ${index > 0 && html`<button class="beside previous" aria-label=${t("viewer.previous")} onClick=${() => step(-1)}><${Icon} name="previous" /></button>`}
      ${index < last && html`<button class="beside next" aria-label=${t("viewer.next")} onClick=${() => step(1)}><${Icon} name="next" /></button>`}
    <//>
    ${hasPanel.value && html`<${Metadata} key=${hit.id} hit=${hit} />`}
  </dialog>`;
}

function Act({ icon, label, onClick }) {
  return html`<button title=${t(label)} aria-label=${t(label)} onClick=${onClick}><${Icon} name=${icon} /></button>`;
}

/** The image: its thumbnail until it is there; as large as fits, or pixel by pixel. */
function Stage({ hit, name, children }) {
  const [isLoaded, setLoaded] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const [isZoomed, setZoomed] = useState(false);
  const [isPlayed, setPlayed] = useState(hit.view === "frame");
  const shape = { aspectRatio: `${hit.width} / ${hit.height}`, maxWidth: `min(100%, ${hit.width}px)` };
  const size = { width: hit.width, height: hit.height };
  // Of a video that the browser cannot play there is still the frame.
  if (isPlayed) {
    return html`<div class="stage">
      <video class="film" controls preload="metadata" poster=${shownUrl(hit.id)} src=${playedUrl(hit.id, hit.offset_ms)}
        aria-label=${name} onError=${() => setPlayed(false)}></video>
      ${children}
    </div>`;
  }
  return html`<div class=${isZoomed ? "stage zoomed" : "stage"} tabindex=${isZoomed ? 0 : -1}>
    ${isMissing
      ? html`<p class="gone" role="alert">${t("viewer.gone")}</p>`
      : html`<button class="canvas" aria-label=${t(isZoomed ? "viewer.fit" : "viewer.zoom")} onClick=${() => setZoomed(!isZoomed)}>
          ${!isLoaded && html`<img class="small" src=${thumbnailUrl(hit.id, 320)} alt="" style=${shape} ...${size} />`}
          <img class=${isLoaded ? "" : "loading"} src=${shownUrl(hit.id)} alt=${name} style=${isZoomed ? {} : shape} ...${size}
            onLoad=${() => setLoaded(true)} onError=${() => setMissing(true)} />
        </button>`}
    ${children}
  </div>`;
}

function turnPanel() {
  hasPanel.value = !hasPanel.value;
  remember("metadata", hasPanel.value ? "open" : "closed");
}
