// @ts-check
// Something that is shown once and has to be handed on: a link, the key of a program.
import { html, useRef } from "../lib.js";
import { t } from "../texts.js";
import { toast } from "./toast.js";

/** @param {{title: string, text?: any, label: string, value: string, copied?: string}} props label: names the field for
 * screen readers. copied: what is said once it is copied */
export function Secret({ title, text, label, value, copied }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      toast(copied ?? t("secret.copied"));
    } catch {
      toast(t("secret.by_hand")); // without HTTPS, browsers lend nobody the clipboard
    }
  };
  return html`<div class="note good"><p><strong>${title}</strong> ${text}</p>
    <div class="copy"><input ref=${field} readonly aria-label=${label} value=${value} onFocus=${(/** @type {any} */ event) => event.target.select()} />
      <button type="button" class="secondary" onClick=${copy}>${t("secret.copy")}</button></div></div>`;
}
