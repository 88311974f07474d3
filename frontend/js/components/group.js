// @ts-check
// Buttons that belong together, with a name for those who do not see them.
import { html } from "../lib.js";

/** @param {{label: string, className?: string, children?: any}} props */
export function Group({ label, className = "", children }) {
  return html`<fieldset class=${`group ${className}`}><legend class="visually-hidden">${label}</legend>${children}</fieldset>`;
}
