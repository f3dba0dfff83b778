// The language of the interface: which one, its words, its numbers and dates.

import ar from "./messages/ar.js";
import en from "./messages/en.js";
import { effect, signal } from "./view.js";
import { recall, remember } from "./preferences.js";

export const CATALOGUES = { en, ar };
const NAMES = { en: "English", ar: "العربية" };
const RIGHT_TO_LEFT = new Set(["ar"]);

export const language = signal(choose());

effect(() => {
  document.documentElement.lang = language.value;
  document.documentElement.dir = isRightToLeft() ? "rtl" : "ltr";
});

export function isRightToLeft() {
  return RIGHT_TO_LEFT.has(language.value);
}

/** The browser's own variety of the language, which says how dates and numbers are written. */
function locale() {
  return navigator.languages.find((each) => each.startsWith(language.value)) ?? language.value;
}

/** The other language, and what it calls itself. */
export function otherLanguage() {
  const code = language.value === "en" ? "ar" : "en";
  return { code, name: NAMES[code] };
}

export function speak(code) {
  language.value = code;
  remember("language", code);
}

/**
 * Return a message of the catalogue.
 *
 * @param {object} values in the places {name} of the message; n chooses among its plural forms.
 */
export function t(key, values = {}) {
  const entry = CATALOGUES[language.value][key];
  const form = typeof entry === "string" ? entry : (entry[plural(values.n)] ?? entry.other);
  return form.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value;
  });
}

export function number(value, options = {}) {
  return new Intl.NumberFormat(locale(), options).format(value);
}

/** Write a wall clock, milliseconds since the epoch as if it were UTC. */
export function clock(time) {
  const format = { dateStyle: "long", timeStyle: "short", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), format).format(time);
}

/** Write a month, "2019-06". */
export function month(value) {
  const [year, index] = value.split("-").map(Number);
  const format = { month: "short", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), format).format(Date.UTC(year, index - 1, 1));
}

export function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(3, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const format = { style: "unit", unit: units[step], maximumFractionDigits: step ? 1 : 0 };
  return number(value / 1000 ** step, format);
}

function plural(n) {
  return new Intl.PluralRules(language.value).select(n ?? 0);
}

function choose() {
  const wanted = [recall("language"), ...navigator.languages.map((each) => each.slice(0, 2))];
  return wanted.find((code) => code in CATALOGUES) ?? "en";
}
