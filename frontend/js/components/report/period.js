// @ts-check
// The days that a report is about.
import { html, useId } from "../../lib.js";
import { t } from "../../texts.js";

/** @param {{from: string, to: string, onChange: (changes: {from?: string, to?: string}) => void}} props days as 2026-11-23, "" for open */
export function Period({ from, to, onChange }) {
  const id = useId();
  return html`<div class="period">
    <div class="field"><label for=${`${id}-from`}>${t("report.from")}</label>
      <input id=${`${id}-from`} type="date" value=${from} max=${to || undefined} onChange=${(/** @type {any} */ event) => onChange({ from: event.target.value })} /></div>
    <div class="field"><label for=${`${id}-to`}>${t("report.to")}</label>
      <input id=${`${id}-to`} type="date" value=${to} min=${from || undefined} onChange=${(/** @type {any} */ event) => onChange({ to: event.target.value })} /></div>
  </div>`;
}
