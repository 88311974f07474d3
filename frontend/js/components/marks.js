// @ts-check
// How marks, states and percentages look everywhere: a sign and a word beside the colour.
import { html } from "../lib.js";
import { t } from "../texts.js";
import { percent } from "../times.js";

/** The sign of each status, for places without room for a word; the word is then its title. @type {Record<string, string>} */
export const SIGNS = { present: "✓", late: "◔", absent: "✕", excused: "∅", left_early: "↩", unmarked: "·" };

/** @type {Record<string, string>} */
const TONES = { present: "present", late: "late", absent: "absent", excused: "excused", left_early: "late", unmarked: "" };

/** @param {{status: string}} props */
export function Status({ status }) {
  return html`<span class=${`badge ${TONES[status] ?? ""}`}><span aria-hidden="true">${SIGNS[status]}</span>${t(`status.${status}`)}</span>`;
}

/** Beside a mark that the server has not confirmed, and that is sent again. */
export function NotSaved() {
  return html`<span class="badge warn"><span aria-hidden="true">⟳</span>${t("marks.not_saved")}</span>`;
}

/** @type {Record<string, string>} */
const STATE_TONES = { open: "present", scheduled: "", closed: "accent", locked: "accent", cancelled: "" };

/** @param {{state: string}} props of a session */
export function SessionState({ state }) {
  return html`<span class=${`badge ${STATE_TONES[state] ?? ""}`}>${t(`session_state.${state}`)}</span>`;
}

/** A share as a number and a bar, with the course's minimum marked. @param {{value: number | null, minimum?: number}} props in percent */
export function Percent({ value, minimum }) {
  const below = value !== null && minimum !== undefined && value < minimum;
  return html`<span class="percent"><span class="number">${percent(value)}</span>
    <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect x="0" y="2" width="100" height="6" rx="3" fill="var(--sunken)" />
      <rect x="0" y="2" width=${Math.max(0, Math.min(100, value ?? 0))} height="6" rx="3" fill=${below ? "var(--absent)" : "var(--accent)"} />
      ${minimum !== undefined && html`<rect x=${minimum - 0.6} y="0" width="1.2" height="10" fill="var(--ink)" />`}
    </svg></span>`;
}

/** Small squares, one a session, told apart by what is drawn in them as well as by colour.
 * @param {{marks: {status: string | null, title: string}[]}} props status null: not enrolled then */
export function Squares({ marks }) {
  const present = marks.filter((each) => each.status === "present" || each.status === "late").length;
  return html`<span class="squares" role="img" aria-label=${t("marks.squares", { present, n: marks.length })}>
    ${marks.map((each) => html`<${Square} status=${each.status} title=${each.title} />`)}</span>`;
}

/** @param {{status: string | null, title?: string}} props */
function Square({ status, title }) {
  return html`<svg class="square" viewBox="0 0 12 12" aria-hidden="true">${title && html`<title>${title}</title>`}${drawingOf(status)}</svg>`;
}

/** @param {string | null} status */
function drawingOf(status) {
  const colour = `var(--${status ? TONES[status] || "line-strong" : "line"})`;
  const frame = html`<rect x="0.75" y="0.75" width="10.5" height="10.5" rx="2.5" fill="var(--card)" stroke=${colour} stroke-width="1.5" />`;
  if (status === "present") return html`<rect width="12" height="12" rx="3" fill=${colour} />`;
  if (status === "late") return html`${frame}<path d="M1 6h10v3a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2Z" fill=${colour} />`;
  if (status === "left_early") return html`${frame}<path d="M1 6h10V3a2 2 0 0 0-2-2H3a2 2 0 0 0-2 2Z" fill=${colour} />`;
  if (status === "absent") return html`${frame}<path d="M3.5 3.5l5 5M8.5 3.5l-5 5" stroke=${colour} stroke-width="1.5" />`;
  if (status === "excused") return html`${frame}<path d="M3.5 8.5l5-5" stroke=${colour} stroke-width="1.5" />`;
  if (status === "unmarked") return frame;
  return html`<rect x="4" y="5.5" width="4" height="1" fill=${colour} />`;
}

/** What the squares mean. */
export function SquaresKey() {
  return html`<ul class="squares-key" aria-hidden="true">${Object.keys(SIGNS).filter((status) => status !== "unmarked").map((status) => html`<li>
    <${Square} status=${status} />${t(`status.${status}`)}</li>`)}</ul>`;
}

/** How sure a recognition is, in words. @param {{band: string | null}} props */
export function Band({ band }) {
  return band ? html`<span class="badge">${t(`band.${band}`)}</span>` : null;
}
