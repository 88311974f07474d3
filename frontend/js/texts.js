// @ts-check
// What the page says, from one catalogue by keys. A text may hold {values}, and may be {one, other} forms chosen by `n`.
import en from "./texts/en.js";

/** @typedef {string | {one: string, other: string, few?: string, many?: string, zero?: string, two?: string}} Text */

/** A translation is a module like texts/en.js, listed here. @type {Record<string, {locale: string, texts: Record<string, Text>}>} */
const CATALOGUES = { en: { locale: "en-GB", texts: en } };

const chosen = CATALOGUES[navigator.language.split("-")[0]] ?? CATALOGUES.en;
const plural = new Intl.PluralRules(chosen.locale);

/** The locale of numbers, names of days and sorting. */
export const locale = chosen.locale;

/**
 * The text of `key`, its {names} replaced by `values`.
 * @param {string} key @param {Record<string, string | number>} [values] @returns {string}
 */
export function t(key, values = {}) {
  const found = chosen.texts[key] ?? en[key];
  if (found === undefined) throw new Error(`there is no text for ${key}`);
  const text = typeof found === "string" ? found : found[plural.select(Number(values.n))] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether the catalogue has `key`, for keys made of what the server says. @param {string} key */
export function hasText(key) {
  return key in chosen.texts || key in en;
}
