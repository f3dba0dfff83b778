// The text of a query: its parts, the images it names by id, its filters.
//
// Positions of the API count characters of Unicode, those of a text field units of UTF-16.

const PART = /(?:"(?:\\.|[^"\\])*(?:"|$)|[^\s"])+|\s+/gu;
const ROW = /^([+-])([0-9a-f]{40})$/;
const PLAIN_VALUE = /^[^\s"|]+$/u;

// Filters whose values add to each other; of the others a new value takes the place of the old.
const MANY = new Set(["tag"]);

/** Return the words of a query, and the images of the archive that it names: [{sign, id}]. */
export function splitQuery(query) {
  const words = [];
  const terms = [];
  for (const part of query.match(PART) ?? []) {
    const row = ROW.exec(part);
    if (row) terms.push({ sign: row[1], id: row[2] });
    else words.push(part);
  }
  const text = terms.length ? words.join("").replace(/\s+/gu, " ").trim() : query;
  return { text, terms };
}

/** The opposite; the words come first, so that a position in them is one in the query. */
export function joinQuery(text, terms) {
  return [text.trimEnd(), ...terms.map((term) => term.sign + term.id)].filter(Boolean).join(" ");
}

/** Write a filter as it would be typed. */
export function filterOf(name, value) {
  if (PLAIN_VALUE.test(value) && !value.startsWith("//")) return `${name}:${value}`;
  return `${name}:"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Whether a query has a filter with just this value. */
export function hasFilter(text, name, value) {
  return parts(text).includes(filterOf(name, value));
}

/** Add a filter to a query, or take it away where it is there. */
export function toggleFilter(text, name, value) {
  const filter = filterOf(name, value);
  const before = parts(text);
  if (before.includes(filter)) return before.filter((part) => part !== filter).join(" ");
  const kept = MANY.has(name) ? before : before.filter((part) => !part.startsWith(`${name}:`));
  return [...kept, filter].join(" ");
}

/** Count characters of Unicode before an index of a text field. */
export function toCharacters(text, index) {
  return [...text.slice(0, index)].length;
}

/** Return the index in a text field of a character of Unicode. */
export function fromCharacters(text, count) {
  return [...text].slice(0, count).join("").length;
}

function parts(text) {
  return (text.match(PART) ?? []).filter((part) => part.trim());
}
