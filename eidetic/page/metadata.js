// What is known of an image, beside it.

import { go } from "./address.js";
import * as api from "./api.js";
import { bytes, clock, number, t } from "./language.js";
import { toggleFilter } from "./query.js";
import * as state from "./state.js";
import { nameOf, timeOf, visible } from "./text.js";
import { html, useEffect, useState } from "./view.js";

const MOST_PATHS = 10;
const SCORE = { minimumFractionDigits: 3, maximumFractionDigits: 3 };

export function Metadata({ hit }) {
  const [known, setKnown] = useState(null);
  useEffect(() => {
    const asking = new AbortController();
    const load = async () => {
      try {
        setKnown(await api.show(hit.id, asking.signal));
      } catch (error) {
        // What came with the hit is shown anyhow.
        if (!asking.signal.aborted && !(error instanceof api.Problem)) throw error;
      }
    };
    load();
    return () => asking.abort();
  }, [hit.id]);

  const folded = hit.folded ?? [];
  const isMoment = (each) => hit.view === "frame" && each.view === "frame" && each.path === hit.path;
  const moments = folded.filter(isMoment).sort((a, b) => a.offset_ms - b.offset_ms);
  const others = folded.filter((each) => !isMoment(each));
  const facts = [
    ["meta.name", html`<bdi>${visible(nameOf(hit.path))}</bdi>`],
    ["meta.path", html`<bdi class="path" dir="ltr">${visible(hit.path)}</bdi>`],
    ["meta.taken", taken(hit)],
    ["meta.size", html`<bdi dir="ltr">${number(hit.width)} × ${number(hit.height)}</bdi>`],
    ["meta.file", html`<bdi>${hit.format.toUpperCase()}</bdi> · <bdi>${bytes(hit.size_bytes)}</bdi>`],
    ["meta.camera", named(hit.camera)],
    ["meta.lens", named(hit.lens)],
    ["meta.exposure", exposure(hit)],
    ["meta.place", named([hit.place, hit.country].filter(Boolean).join(", "))],
    ["meta.position", position(hit)],
    ["meta.rating", hit.rating > 0 ? t("meta.stars", { n: hit.rating }) : hit.rating === -1 ? t("meta.rejected") : ""],
    ["meta.tags", hit.tags?.length ? html`<${Tags} tags=${hit.tags} />` : ""],
    ["meta.score", hit.score === null ? "" : html`<bdi dir="ltr">${number(hit.score, SCORE)}</bdi>`],
    ["meta.moment", hit.view === "frame" ? html`<bdi dir="ltr">${timeOf(hit.offset_ms)}</bdi>` : ""],
    ["meta.moments", moments.length ? html`<${Moments} frames=${moments} />` : ""],
    ["meta.folded", others.length ? paths(others) : ""],
    ["meta.same", known?.same_content.length ? paths(known.same_content) : ""],
    ["meta.text", known?.row?.text ? html`<span class="words" dir="auto">${visible(known.row.text.replaceAll("\n", " · "))}</span>` : ""],
  ];
  return html`<aside class="metadata" aria-label=${t("meta.label")} tabindex="0">
    ${known?.file.there === false && html`<p class="warning">${t("viewer.gone")}</p>`}
    <dl>${facts.filter(([, value]) => value).map(([key, value]) => html`<div key=${key}><dt>${t(key)}</dt><dd>${value}</dd></div>`)}</dl>
  </aside>`;
}

function Tags({ tags }) {
  const narrow = (tag) => go({ text: toggleFilter(state.draft.value, "tag", tag) });
  return html`${tags.map((tag) => html`<button key=${tag} class="tag" onClick=${() => narrow(tag)}><bdi>${visible(tag)}</bdi></button>`)}`;
}

/** Other moments of the same video, to play from. */
function Moments({ frames }) {
  const play = (frame) => {
    const film = document.querySelector(".film");
    if (film) film.currentTime = frame.offset_ms / 1000;
  };
  return html`${frames.map((frame) => html`<button key=${frame.id} class="tag" onClick=${() => play(frame)}><bdi dir="ltr">${timeOf(frame.offset_ms)}</bdi></button>`)}`;
}

function taken(hit) {
  if (hit.taken_at === null) return "";
  return hit.taken_from === "file" ? t("meta.by_file", { date: clock(hit.taken_at) }) : clock(hit.taken_at);
}

function named(text) {
  return text ? html`<bdi>${visible(text)}</bdi>` : "";
}

function exposure(hit) {
  const { shutter_s: shutter, aperture, iso_speed: iso, focal_mm: focal } = hit;
  const parts = [
    shutter && (shutter < 0.4 ? `1/${number(Math.round(1 / shutter))} s` : `${number(shutter)} s`),
    aperture && `f/${number(aperture)}`,
    iso && `ISO ${iso}`,
    focal && `${number(focal)} mm`,
  ].filter(Boolean);
  return parts.length ? html`<bdi dir="ltr">${parts.join(" · ")}</bdi>` : "";
}

/** A link for the user to follow; nothing of a map is loaded. */
function position({ lat, lon }) {
  if (lat === null || lon === null || lat === undefined) return "";
  const [north, east] = [lat.toFixed(5), lon.toFixed(5)];
  const map = `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=15/${north}/${east}`;
  return html`<a href=${map} target="_blank" rel="noreferrer noopener"><bdi dir="ltr">${north}, ${east}</bdi></a>`;
}

function paths(images) {
  const others = images.length - MOST_PATHS;
  return html`<ul class="paths">${images.slice(0, MOST_PATHS).map((each) => html`<li key=${each.id}><bdi class="path" dir="ltr">${visible(each.path)}</bdi></li>`)}
    ${others > 0 && html`<li>${t("meta.others", { n: others })}</li>`}</ul>`;
}
