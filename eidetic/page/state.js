// What the page shows, as values that redraw whatever reads them.

import { computed, signal } from "./view.js";

/** What stands in the search box; a search begins only when it is entered. */
export const draft = signal("");

/**
 * What was asked for last: words; images of the archive [{sign, id}]; image files [{key, file, url}].
 */
export const asked = signal({ text: "", terms: [], files: [] });

export const hits = signal([]);

/** Index of the first hit below the line between likely and weak ones; null without a line. */
export const lineAt = signal(null);

/** Whether `hits` are all there are. */
export const isComplete = signal(false);

/** "searching": for a new question; "more": for its next hits; "done"; "failed", see `problem`. */
export const phase = signal("searching");
export const problem = signal(null);

/** Grows with every question, so that no tile of an old one is taken for one of the new. */
export const serial = signal(0);

/** Rows of the archive when it was last asked; null before. */
export const totalRows = signal(null);
export const tookMs = signal(0);

/** The answer of /api/facets for the filters of the question, and its turn; null before it came. */
export const facets = signal(null);

/** {rows, writer} of the server, lately; null before. */
export const progress = signal(null);

/** Hits that were selected, by id. */
export const selected = signal(new Map());

/** Index of the hit that the keyboard is at in the grid. */
export const current = signal(0);

/** Index of the hit that the viewer shows; null while it is closed. */
export const viewed = signal(null);

/** A short message of something that was just done; "" for none. */
export const notice = signal("");

export const isEmptyArchive = computed(() => totalRows.value === 0);

/** Whether hits are there of which none is likely to be what was asked for. */
export const isWeak = computed(() => lineAt.value === null && hits.value[0]?.likely === false);

/** Whether anything was asked for; if not, the newest images are shown. */
export const isAsked = computed(() => {
  const { text, terms, files } = asked.value;
  return Boolean(text.trim() || terms.length || files.length);
});

let noticeTimer = 0;

/** Show a message for some seconds. */
export function tell(message) {
  notice.value = message;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    notice.value = "";
  }, 6000);
}
