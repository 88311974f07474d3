// @ts-check
// The trainings there were: when, by whom, how they ended, and what they printed.
import { html } from "../../lib.js";
import { dayAndClock } from "../../times.js";
import { t } from "../../texts.js";
import { Empty } from "../page.js";
import { More } from "../table.js";
import { Log } from "./log.js";
import { inWords } from "./options.js";

/** @type {Record<string, {tone: string, sign: string}>} */
const STATES = { queued: { tone: "", sign: "·" }, running: { tone: "accent", sign: "·" }, succeeded: { tone: "good", sign: "✓" }, failed: { tone: "wrong", sign: "✕" }, cancelled: { tone: "", sign: "∅" } };

/** @param {{trainings: any, names: Map<number, string>}} props trainings: pages of them */
export function History({ trainings, names }) {
  const items = /** @type {Api.Training[]} */ (trainings.data?.items ?? []);
  if (items.length === 0) return html`<${Empty} title=${t("training.none_yet")} />`;
  return html`<ul class="trainings">${items.map((training) => html`<li class="card" key=${training.id}>
    <div class="spread"><h2>${dayAndClock(training.created_at)}</h2><span class=${`badge ${STATES[training.state].tone}`}><span aria-hidden="true">${STATES[training.state].sign}</span>${t(`training.state_${training.state}`)}</span></div>
    <p class="quiet small">${[names.get(training.started_by), inWords(training.options), took(training)].filter(Boolean).join(" · ")}</p>
    ${training.problem && html`<p>${training.problem}</p>`}
    ${training.model_version && html`<p><a href=${`#/training?model=${encodeURIComponent(training.model_version)}`}>${t("training.to_report")}</a></p>`}
    <${Log} training=${training} live=${training.state === "running"} /></li>`)}</ul>
    <${More} pages=${trainings} />`;
}

/** @param {Api.Training} training */
function took({ started_at: from, finished_at: to }) {
  return from && to ? t("training.took", { n: Math.max(1, Math.round((Date.parse(to) - Date.parse(from)) / 1000)) }) : "";
}
