// @ts-check
// Short words at the bottom of the screen: what was done, and Undo.
import { html, signal } from "../lib.js";
import { t } from "../texts.js";

/** @typedef {{id: number, text: string, undo?: () => unknown}} Toast */

/** @type {import("../types.js").Signal<Toast[]>} */
const toasts = signal([]);
let number = 0;
const SECONDS = 6;

/** @param {string} text @param {{undo?: () => unknown, seconds?: number}} [options] undo: what its button does */
export function toast(text, { undo, seconds = SECONDS } = {}) {
  number += 1;
  const made = { id: number, text, undo };
  toasts.value = [...toasts.value.slice(-2), made];
  setTimeout(() => drop(made.id), seconds * 1000);
}

/** Say why something did not work. @param {any} problem a Problem; anything else is a mistake of ours and is thrown on */
export function toastProblem(problem) {
  if (typeof problem?.status !== "number") throw problem;
  toast(problem.message, { seconds: 10 });
}

/** @param {number} id */
function drop(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** Where they appear; drawn once, by the shell. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map((each) => html`<div class="toast" key=${each.id}><span>${each.text}</span>
      ${each.undo && html`<button type="button" class="link" onClick=${() => { drop(each.id); each.undo?.(); }}>${t("toast.undo")}</button>`}</div>`)}
  </div>`;
}
