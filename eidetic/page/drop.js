// Images that are dropped anywhere on the page, or pasted, are searched for.

import { addFiles, addRow } from "./address.js";
import { t } from "./language.js";
import * as state from "./state.js";
import { DRAGGED } from "./tile.js";
import { html, signal } from "./view.js";

const isOver = signal(false);

// Not every system knows HEIC or RAW by a type: the server says what it cannot read.
const isImage = (file) => file.type === "" || file.type.startsWith("image/");

/** Listen to the whole page, from now on. */
export function followDrops() {
  let depth = 0;
  const leave = () => {
    depth = 0;
    isOver.value = false;
  };
  addEventListener("dragenter", (event) => {
    if (!takes(event)) return;
    depth += 1;
    isOver.value = true;
  });
  addEventListener("dragleave", (event) => {
    if (!takes(event)) return;
    depth -= 1;
    if (depth <= 0) leave();
  });
  addEventListener("dragover", (event) => {
    if (takes(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!takes(event)) return;
    event.preventDefault();
    leave();
    const id = event.dataTransfer.getData(DRAGGED);
    if (id) addRow("+", id);
    else take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take(event.clipboardData.files);
  });
}

export function DropHint() {
  if (!isOver.value) return null;
  return html`<div class="drop" aria-hidden="true"><p>${t("drop.hint")}</p></div>`;
}

function takes(event) {
  const types = event.dataTransfer?.types ?? [];
  return types.includes("Files") || types.includes(DRAGGED);
}

function take(files) {
  const images = [...files].filter(isImage);
  if (images.length) addFiles(images);
  else state.tell(t("drop.none"));
}
