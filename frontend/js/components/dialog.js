// @ts-check
// Dialogs, on the browser's own element: it keeps the focus inside, closes by Escape, and gives the focus back.
import { html, signal, useEffect, useId, useRef, useState } from "../lib.js";
import { t } from "../texts.js";
import { Icon } from "./icon.js";

/**
 * A dialog that is open as long as it is drawn. `onClose` is called by Escape and by the cross.
 * @param {{title: string, onClose?: () => void, wide?: boolean, children?: any}} props onClose: without it, it cannot be closed
 */
export function Dialog({ title, onClose, wide, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const name = useId();
  useEffect(() => {
    const dialog = element.current;
    const opener = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog?.showModal();
    return () => {
      dialog?.close();
      opener?.focus?.();
    };
  }, []);
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby=${name}
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose?.(); }}>
    <article>
      <div class="spread"><h2 id=${name}>${title}</h2>
        ${onClose && html`<button type="button" class="icon" onClick=${onClose} aria-label=${t("dialog.close")}><${Icon} name="cross" /></button>`}</div>
      ${children}
    </article>
  </dialog>`;
}

/**
 * @typedef {Object} Question
 * @property {string} title
 * @property {any} [text] what will happen
 * @property {string} action what the button says: the act itself, never "OK"
 * @property {boolean} [danger]
 * @property {string} [typed] has to be typed before the act can be done
 * @property {string} [typedLabel]
 */

/** @type {import("../types.js").Signal<(Question & {answer: (yes: boolean) => void}) | null>} */
const asked = signal(null);

/** Ask before an act; true when it is to be done. @param {Question} question @returns {Promise<boolean>} */
export function confirm(question) {
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** Where `confirm` asks; drawn once, by the shell. */
export function Confirmation() {
  const question = asked.value;
  return question && html`<${Asking} question=${question} />`;
}

/** @param {{question: Question & {answer: (yes: boolean) => void}}} props */
function Asking({ question }) {
  const [typed, setTyped] = useState("");
  const name = useId();
  const ready = !question.typed || typed.trim() === question.typed;
  return html`<${Dialog} title=${question.title} onClose=${() => question.answer(false)}>
    <form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (ready) question.answer(true); }}>
      ${question.text && html`<div>${question.text}</div>`}
      ${question.typed && html`<div class="field"><label for=${name}>${question.typedLabel ?? t("dialog.type", { text: question.typed })}</label>
        <input id=${name} autocomplete="off" value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></div>`}
      <div class="actions">
        <button type="button" class="secondary" onClick=${() => question.answer(false)}>${t("dialog.cancel")}</button>
        <button type="submit" class=${question.danger ? "danger" : ""} disabled=${!ready}>${question.action}</button>
      </div>
    </form>
  </${Dialog}>`;
}
