// @ts-check
// Single keys of a screen; what is typed into a field, chosen in a menu or asked by a dialog is none.
import { useLayoutEffect, useRef } from "./lib.js";

/** @param {Record<string, () => unknown>} acts by key as KeyboardEvent names it, in small letters */
export function useKeys(acts) {
  const latest = useRef(acts);
  latest.current = acts;
  useLayoutEffect(() => {
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      // one that brought another screen must not act there as well
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input, select, textarea, dialog, .menu") || document.querySelector("dialog[open]")) return;
      const act = latest.current[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}
