// @ts-check
// How often each mark occurs, in words.
import { html } from "../../lib.js";
import { t } from "../../texts.js";
import { SIGNS } from "../marks.js";

const ORDER = /** @type {const} */ (["present", "late", "left_early", "absent", "excused", "unmarked"]);

/** @param {{counts: Api.StatusCounts}} props */
export function Counts({ counts }) {
  return html`<ul class="mark-counts">${ORDER.filter((status) => counts[status] > 0).map((status) => html`<li class=${status}>
    <span aria-hidden="true">${SIGNS[status]}</span><strong class="number">${counts[status]}</strong> ${t(`status.${status}`)}</li>`)}</ul>`;
}

/** @param {{items: {value: any, text: string}[]}} props numbers that say the most, large */
export function Figures({ items }) {
  return html`<dl class="figures">${items.map((item) => html`<div><dt>${item.text}</dt><dd class="number">${item.value}</dd></div>`)}</dl>`;
}
