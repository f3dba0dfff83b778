// What the page remembers of this browser's user: language, theme, whether the panels are open.

const PREFIX = "eidetic.";

/** Return a value that was remembered, null if none was or the browser keeps nothing. */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}
