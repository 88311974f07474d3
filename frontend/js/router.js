// @ts-check
// Addresses after the #, so that any static host serves the page: #/courses/7?tab=roster.
import { computed, signal } from "./lib.js";

const address = signal(read());
addEventListener("hashchange", () => (address.value = read()));

/** The path of the screen that is open, such as "/courses/7". */
export const path = computed(() => address.value.split("?")[0]);

/** What stands after the ? of the address. */
export const query = computed(() => new URLSearchParams(address.value.split("?")[1] ?? ""));

/** @param {string} to such as "/courses/7" */
export function go(to) {
  location.hash = `#${to}`;
}

/** As go, but "back" leads past the screen that is left. @param {string} to */
export function replace(to) {
  history.replaceState(null, "", `#${to}`);
  address.value = read();
}

/** Change what stands after the ?, keeping the rest; empty values go. @param {Record<string, string | null>} changes */
export function setQuery(changes) {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  replace(path.value + (text ? `?${text}` : ""));
}

/**
 * The values of the colon parts of `pattern` in `path`, or null when it does not fit.
 * @param {string} pattern such as "/courses/:id" @param {string} path
 * @returns {Record<string, string> | null}
 */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const values = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(":")) values[part.slice(1)] = decodeURIComponent(given[index]);
    else if (part !== given[index]) return null;
  }
  return values;
}

function read() {
  const text = location.hash.replace(/^#/, "");
  return text.startsWith("/") ? text : "/";
}
