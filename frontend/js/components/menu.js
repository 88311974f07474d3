// @ts-check
// A button that opens a small sheet of links and acts below itself; Escape, a click elsewhere and a choice close it.
import { html, useEffect, useId, useRef, useState } from "../lib.js";

/** @param {{label: string, title?: any, className?: string, left?: boolean, children?: any}} props label: for screen readers; title: what is seen */
export function Menu({ label, title, className = "", left, children }) {
  const [open, setOpen] = useState(false);
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    /** @param {Event} event */
    const outside = (event) => {
      if (!element.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    /** @param {KeyboardEvent} event */
    const escape = (event) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      element.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
  return html`<div class=${`menu ${className}`} ref=${element}>
    <button type="button" aria-label=${label} aria-expanded=${open} aria-controls=${id} onClick=${() => setOpen(!open)}>${title}</button>
    <div class=${`sheet ${left ? "left" : ""}`} id=${id} hidden=${!open} onClick=${(/** @type {Event} */ event) => {
      if (/** @type {HTMLElement} */ (event.target).closest("a, button")) setOpen(false); }}>${children}</div>
  </div>`;
}
