// @ts-check
// Tables that become a list of small cards on a phone.
import { html, useState } from "../lib.js";
import { t } from "../texts.js";
import { toastProblem } from "./toast.js";

/**
 * @typedef {Object} Column
 * @property {string} key
 * @property {string} title "" for a column of buttons
 * @property {(row: any) => any} [show] default: the row's value of that key
 * @property {boolean} [end] to the right, for numbers
 * @property {boolean} [head] names the row
 * @property {string} [className]
 */

/**
 * @param {{columns: Column[], rows: any[], label: string, rowKey?: (row: any) => string | number, rowClass?: (row: any) => string}} props
 */
export function Table({ columns, rows, label, rowKey = (row) => row.id, rowClass }) {
  return html`<div class="table-holder"><table class="cards-on-phone">
    <caption class="visually-hidden">${label}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${column.end ? "end" : ""}>${column.title || html`<span class="visually-hidden">${t("table.acts")}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${rowKey(row)} class=${rowClass?.(row) ?? ""}>${columns.map((column) => {
      const content = column.show ? column.show(row) : row[column.key];
      return column.head
        ? html`<th scope="row" class=${column.className ?? ""}>${content}</th>`
        : html`<td data-label=${column.title} class=${`${column.end ? "end" : ""} ${column.className ?? ""}`}>${content}</td>`;
    })}</tr>`)}</tbody>
  </table></div>`;
}

/** The button below a list that goes on. @param {{pages: {isMore: boolean, more: () => Promise<void>}}} props */
export function More({ pages }) {
  const [busy, setBusy] = useState(false);
  if (!pages.isMore) return null;
  const more = () => {
    setBusy(true);
    pages.more().catch(toastProblem).finally(() => setBusy(false));
  };
  return html`<p class="actions no-print"><button type="button" class="secondary" aria-busy=${busy} onClick=${more}>${t("table.more")}</button></p>`;
}
