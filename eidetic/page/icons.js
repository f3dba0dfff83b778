// Small drawings for buttons; their words are in the buttons' labels.

import { html } from "./view.js";

const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.200 16.200 21 21",
  close: "M5 5l14 14M19 5 5 19",
  previous: "M15 4 7 12l8 8",
  next: "M9 4l8 8-8 8",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.500v.1",
  more: "M12 5v14M5 12h14",
  less: "M5 12h14",
  check: "M5 12.500l5 5L19.500 7",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  zoom: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9v.1",
  filters: "M4 6h16M7 12h10M10 18h4",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

/** Draw an icon. Those that point somewhere are mirrored with the writing direction. */
export function Icon({ name }) {
  const points = name === "previous" || name === "next";
  return html`<svg class=${points ? "icon mirrored" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
    <path d=${PATHS[name]} />
  </svg>`;
}
