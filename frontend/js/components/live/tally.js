// @ts-check
// How many of the class are there, as a number and a thin ring.
import { html } from "../../lib.js";
import { t } from "../../texts.js";

const RADIUS = 42;
const LENGTH = 2 * Math.PI * RADIUS;

/** @param {{here: number, all: number}} props */
export function Tally({ here, all }) {
  const share = all ? here / all : 0;
  return html`<div class="tally-card">
    <svg class="ring" width="96" height="96" viewBox="0 0 96 96" aria-hidden="true">
      <circle cx="48" cy="48" r=${RADIUS} fill="none" stroke="var(--line)" stroke-width="6" />
      <circle cx="48" cy="48" r=${RADIUS} fill="none" stroke="var(--present)" stroke-width="6" stroke-linecap="round" transform="rotate(-90 48 48)"
        stroke-dasharray=${`${share * LENGTH} ${LENGTH}`} visibility=${here ? "visible" : "hidden"} />
      ${all > 0 && here === all && html`<path d="M32 49l11 11 21-23" fill="none" stroke="var(--present)" stroke-width="6" stroke-linecap="round" stroke-linejoin="round" />`}
    </svg>
    <div><p class="tally"><output>${here}</output> <span class="quiet">/ ${all}</span></p>
      <p class="quiet">${all === 0 ? t("live.nobody") : here === all ? t("live.all_here") : t("live.not_seen", { n: all - here })}</p></div>
  </div>`;
}
