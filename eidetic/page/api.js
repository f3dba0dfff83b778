// Requests to the server. Whatever fails is thrown as a Problem, with words to show.

import { fromCharacters } from "./query.js";

/** What went wrong: a problem document (RFC 9457), or that no answer came. */
export class Problem extends Error {
  /**
   * @param {object} told status (0: no answer), title, detail, type, position (in characters).
   */
  constructor(told) {
    super(told.detail || told.title);
    this.status = told.status;
    this.title = told.title;
    this.detail = told.detail;
    this.position = told.position ?? null;
    this.reason = told.reason ?? "";
  }

  /** Return the index of the mistake in the text of a query, of which other parts may follow. */
  indexIn(text) {
    return Math.min(fromCharacters(text, this.position ?? 0), text.length);
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, title: "", detail: "" });
  }
  if (answer.ok) return answer;
  if (answer.status === 401) location.assign("/login");
  let told = { status: answer.status, title: answer.statusText, detail: "" };
  if ((answer.headers.get("content-type") ?? "").includes("json")) told = await answer.json();
  throw new Problem(told);
}

/**
 * Find images by words (and files): the answer of /api/search.
 *
 * @param {boolean} fold whether hits that are nearly the same are folded under the best of them.
 */
export async function search({ q, files, k, offset, fold, signal }) {
  if (!files.length) {
    const asked = new URLSearchParams({ q, k, offset, fold });
    return (await ask(`/api/search?${asked}`, { signal })).json();
  }
  const body = new FormData();
  body.set("q", q);
  body.set("k", k);
  body.set("offset", offset);
  body.set("fold", fold);
  for (const file of files) body.append("image", file, file.name || "image");
  return (await ask("/api/search", { method: "POST", body, signal })).json();
}

/** How a query may go on at a cursor, counted in characters. */
export async function suggest(q, cursor, signal) {
  const asked = new URLSearchParams({ q, cursor });
  return (await ask(`/api/suggest?${asked}`, { signal })).json();
}

export async function facets(q) {
  return (await ask(`/api/facets?${new URLSearchParams({ q })}`)).json();
}

export async function show(id, signal) {
  return (await ask(`/api/images/${id}`, { signal })).json();
}

/** How many rows there are, and what is adding to them: {rows, writer}. */
export async function progress() {
  return (await ask("/api/progress")).json();
}

export async function zip(ids) {
  const answer = await ask("/api/zip", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ids }),
  });
  return answer.blob();
}

export const thumbnailUrl = (id, size) => `/api/images/${id}/thumbnail?size=${size}`;
export const shownUrl = (id) => `/api/images/${id}/original?as=auto`;
/** A video's file, to be played from a moment on. */
export const playedUrl = (id, ms) => `/api/images/${id}/original#t=${ms / 1000}`;
export const fileUrl = (id) => `/api/images/${id}/original?download=true`;
