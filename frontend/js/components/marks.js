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

/** A row of small squares, one a session. @param {{marks: {status: string | null, title: string}[]}} props status null: not enrolled then */
export function Squares({ marks }) {
  const size = 12, step = 15;
  return html`<span class="squares"><svg width=${marks.length * step} height=${size} role="img" aria-label=${t("marks.squares", {
    present: marks.filter((each) => each.status === "present" || each.status === "late").length, n: marks.length })}>
    ${marks.map((each, index) => html`<rect x=${index * step} y="0" width=${size} height=${size} rx="3"
      fill=${each.status && each.status !== "unmarked" ? `var(--${TONES[each.status] || "line-strong"})` : "none"}
      stroke=${each.status === null ? "none" : each.status === "unmarked" ? "var(--line-strong)" : "none"}><title>${each.title}</title></rect>`)}
  </svg></span>`;
}

/** How sure a recognition is, in words. @param {{band: string | null}} props */
export function Band({ band }) {
  return band ? html`<span class="badge">${t(`band.${band}`)}</span>` : null;
}
