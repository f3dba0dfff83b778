// The hits as rows of tiles, of which only those near the window are in the document.

import { view } from "./address.js";
import { isRightToLeft, t } from "./language.js";
import { heightOf, hitBeside, layOut, rowOf, rowsBetween } from "./layout.js";
import { more } from "./searching.js";
import { extendTo, selectAll, toggle } from "./selection.js";
import * as state from "./state.js";
import { Tile } from "./tile.js";
import { batch, computed, effect, html, signal, untracked, useEffect, useLayoutEffect, useRef } from "./view.js";

// Beyond the window, in windows: drawn already; and where the next hits are asked for.
const DRAWN_BEYOND = 0.75;
const ASKED_BEYOND = 3;
const UNSCROLLED_MS = 1000;

const width = signal(0);

/** Pixels of the grid that are in the window, from its top. */
const seen = signal({ above: 0, below: 0 });

const rows = computed(() =>
  width.value
    ? layOut(state.hits.value, width.value, state.isComplete.value, state.lineAt.value)
    : [],
);

const range = computed(() => {
  const { above, below } = seen.value;
  const beyond = (below - above) * DRAWN_BEYOND;
  return rowsBetween(rows.value, above - beyond, below + beyond).join(" ");
});

let asking = 0;

effect(() => {
  const { above, below } = seen.value;
  const isNear = below + (below - above) * ASKED_BEYOND > heightOf(rows.value);
  const isTime = width.value > 0 && isNear && state.phase.value === "done";
  clearTimeout(asking);
  if (!isTime) return;
  // Who has not begun to scroll waits for thumbnails rather than for more hits.
  const hasRoom = above <= 0 && heightOf(rows.value) > below;
  if (hasRoom) asking = setTimeout(more, UNSCROLLED_MS);
  else untracked(more);
});

export function Grid() {
  const list = useRef(null);
  const wantsFocus = useRef(false);

  useEffect(() => {
    const look = () => {
      const { top } = list.current.getBoundingClientRect();
      seen.value = { above: -top, below: innerHeight - top };
    };
    const measure = new ResizeObserver(([entry]) => {
      batch(() => {
        width.value = Math.floor(entry.contentRect.width);
        look();
      });
    });
    measure.observe(list.current);
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      measure.disconnect();
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, []);

  // At once: a key that is pressed while the tile it left is gone already would go nowhere.
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    focusTile(state.current.value);
  });

  const press = (event) => {
    const next = destination(event);
    if (next !== null) {
      event.preventDefault();
      if (event.shiftKey) extendTo(next);
      wantsFocus.current = true;
      state.current.value = next;
      showRow(next, list.current);
    } else if (event.key === " " && event.target.dataset.hit) {
      event.preventDefault();
      toggle(state.current.value);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      selectAll();
    }
  };

  const [from, to] = range.value.split(" ").map(Number);
  const drawn = new Set(rows.value.slice(from, to));
  // What the keyboard is at stays in the document, however far it was scrolled away.
  const held = rows.value[rowOf(rows.value, state.current.value)];
  if (held) drawn.add(held);
  const inOrder = [...drawn].sort((one, other) => one.top - other.top);
  return html`<ul class="grid" ref=${list} aria-label=${t("grid.label")} aria-busy=${String(state.phase.value === "searching")}
      style=${{ height: `${heightOf(rows.value)}px` }} onKeyDown=${press}>
    ${inOrder.flatMap((row) => (row.line ? RelevanceLine(row) : tilesOf(row)))}
  </ul>`;
}

/** Bring the keyboard to the tile of a hit. */
export function focusTile(index) {
  document.querySelector(`[data-hit="${index}"]`)?.focus({ preventScroll: true });
}

function tilesOf(row) {
  return row.tiles.map((tile, place) => {
    const index = row.first + place;
    const hit = state.hits.value[index];
    return html`<${Tile} key=${`${state.serial.value}-${hit.id}`} hit=${hit} index=${index}
      box=${{ ...tile, top: row.top, height: row.height }} onOpen=${(event) => open(event, index)} />`;
  });
}

function RelevanceLine(row) {
  return html`<li key="line" class="line" style=${{ top: `${row.top}px`, height: `${row.height}px` }}>
    <span>${t("line.weak")}</span>
  </li>`;
}

function open(event, index) {
  state.current.value = index;
  if (event.shiftKey) extendTo(index);
  else if (event.ctrlKey || event.metaKey) toggle(index);
  else view(index);
}

/** Return the hit that a key leads to, null if it leads nowhere. */
function destination({ key, target }) {
  if (!target.dataset.hit) return null;
  const at = state.current.value;
  const last = rows.value.at(-1);
  const most = last ? last.first + last.tiles.length - 1 : 0;
  const forward = isRightToLeft() ? "ArrowLeft" : "ArrowRight";
  if (key === forward) return Math.min(most, at + 1);
  if (key === "ArrowLeft" || key === "ArrowRight") return Math.max(0, at - 1);
  if (key === "ArrowDown") return hitBeside(rows.value, at, 1);
  if (key === "ArrowUp") return hitBeside(rows.value, at, -1);
  if (key === "Home") return 0;
  return key === "End" ? most : null;
}

/** Scroll no further than that a hit's row is in the window, below the header. */
function showRow(index, list) {
  const row = rows.value[rowOf(rows.value, index)];
  if (!row) return;
  const top = list.getBoundingClientRect().top + row.top;
  const header = document.querySelector("header").offsetHeight + 8;
  if (top < header) scrollBy(0, top - header);
  else if (top + row.height > innerHeight) scrollBy(0, top + row.height - innerHeight + 8);
}

/** Scroll so that a hit's row is in the window. */
export function reveal(index) {
  showRow(index, document.querySelector(".grid"));
}
