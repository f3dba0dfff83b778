// Dark or light: as the system says, or as was chosen here.

import { effect, signal } from "./view.js";
import { recall, remember } from "./preferences.js";

const THEMES = ["system", "dark", "light"];

export const theme = signal(THEMES.find((each) => each === recall("theme")) ?? "system");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** Go on to the next: system, dark, light. */
export function nextTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  remember("theme", theme.value);
}
