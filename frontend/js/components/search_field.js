// @ts-check
// A field that searches while one types.
import { html, useEffect, useId, useRef, useState } from "../lib.js";
import { Icon } from "./icon.js";

const PAUSE_MS = 250;

/** @param {{label: string, value: string, onSearch: (text: string) => void, autofocus?: boolean}} props onSearch: called when typing pauses */
export function SearchField({ label, value, onSearch, autofocus }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef(0);
  const id = useId();
  useEffect(() => setTyped(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} text */
  const type = (text) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSearch(text), PAUSE_MS);
  };
  return html`<div class="search-field"><label class="visually-hidden" for=${id}>${label}</label><${Icon} name="search" />
    <input id=${id} type="search" autocomplete="off" placeholder=${label} value=${typed} autofocus=${autofocus}
      onInput=${(/** @type {any} */ event) => type(event.target.value)} /></div>`;
}
