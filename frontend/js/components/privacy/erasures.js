// @ts-check
// What was ordered to be erased, how far each is, and what was removed: the evidence.
import { html } from "../../lib.js";
import { isThere } from "../../routes.js";
import { dayAndClock } from "../../times.js";
import { hasText, t } from "../../texts.js";
import { Empty } from "../page.js";
import { More } from "../table.js";

/** The steps in the order in which they are done. */
const STEPS = ["journal", "face_images", "embeddings", "review_crops", "models", "logs", "model_store", "database"];

/** Only a school on several machines has a model store. @param {Api.Erasure} erasure */
const stepsOf = (erasure) => STEPS.filter((step) => step !== "model_store" || step in erasure.steps);

/** @param {{erasures: any, names: Map<number, string>}} props erasures: pages of them. names: of users */
export function Erasures({ erasures, names }) {
  const items = /** @type {Api.Erasure[]} */ (erasures.data.items);
  if (items.length === 0) return html`<${Empty} title=${t("privacy.no_erasures")} text=${t("privacy.no_erasures_text")} />`;
  return html`<ul class="trainings">${items.map((erasure) => html`<li class="card" key=${erasure.id}>
      <div class="spread"><h3>${t(`privacy.erasure_${erasure.kind}`)} <${Whose} erasure=${erasure} /></h3>${erasure.completed_at
        ? html`<span class="badge good"><span aria-hidden="true">✓</span>${t("privacy.erased")}</span>`
        : html`<span class="badge warn"><span aria-hidden="true">?</span>${t("privacy.under_way")}</span>`}</div>
      <p class="quiet small">${t("privacy.ordered", { when: dayAndClock(erasure.requested_at), who: erasure.requested_by === null ? t("audit.server") : names.get(erasure.requested_by) ?? t("audit.user", { id: erasure.requested_by }) })}
        ${erasure.completed_at && ` ${t("privacy.completed", { when: dayAndClock(erasure.completed_at) })}`}</p>
      ${erasure.problem && html`<div class="note wrong"><p><strong>${t("privacy.not_yet")}</strong></p></div>`}
      <ul class="steps-done">${stepsOf(erasure).map((step) => html`<${Step} key=${step} name=${step} found=${erasure.steps[step]} />`)}</ul></li>`)}</ul>
    <${More} pages=${erasures} />`;
}

/** @param {{erasure: Api.Erasure}} props */
function Whose({ erasure }) {
  const words = t("privacy.student", { id: erasure.student_id });
  return isThere("/students/:id") && erasure.kind === "face" ? html`<a href=${`#/students/${erasure.student_id}`}>${words}</a>` : words;
}

/** One step: waiting, done, or why it could not be. @param {{name: string, found?: Record<string, any>}} props */
function Step({ name, found }) {
  const [sign, className] = !found ? ["·", "quiet"] : found.problem ? ["✕", "wrong"] : ["✓", ""];
  return html`<li class=${className}><span aria-hidden="true">${sign}</span><span>${t(`privacy.step_${name}`)}${!found
    ? html` <span class="visually-hidden">${t("privacy.step_waits")}</span>`
    : found.problem ? html`: <strong>${t("privacy.step_failed", { why: found.problem })}</strong>`
    : html`<span class="quiet">: ${foundIn(found)}</span>`}</span></li>`;
}

/** What a step removed, in words. @param {Record<string, any>} found counts, or models by name */
function foundIn(found) {
  const words = Object.entries(found).map(([kind, value]) => {
    const n = typeof value === "number" ? value : value && typeof value === "object" ? Object.keys(value).length : 0;
    return n > 0 && hasText(`privacy.found_${kind}`) ? t(`privacy.found_${kind}`, { n }) : "";
  }).filter(Boolean);
  if (words.length > 0) return words.join(", ");
  return t(Object.keys(found).length > 0 ? "privacy.found_nothing" : "privacy.done");
}
