// @ts-check
// What was ordered to be erased, how far each is, and what was removed: the evidence.
import { html } from "../../lib.js";
import { isThere } from "../../routes.js";
import { dayAndClock } from "../../times.js";
import { hasText, t } from "../../texts.js";
import { Empty } from "../page.js";
import { More } from "../table.js";

/** The steps in the order in which they are done. */
const STEPS = ["face_images", "embeddings", "review_crops", "models", "logs"];

/** A school on several machines has one more. @param {Api.Erasure} erasure */
const stepsOf = (erasure) => ("model_store" in erasure.steps ? [...STEPS, "model_store"] : STEPS);

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
      ${erasure.problem && html`<div class="note wrong"><p><strong>${t("privacy.not_yet")}</strong> ${erasure.problem}</p></div>`}
      <ul class="steps-done">${stepsOf(erasure).map((step) => html`<li class=${step in erasure.steps ? "" : "quiet"}>
        <span aria-hidden="true">${step in erasure.steps ? "✓" : "·"}</span><span>${t(`privacy.step_${step}`)}${step in erasure.steps ? html`<span class="quiet">: ${foundIn(erasure.steps[step])}</span>` : html` <span class="visually-hidden">${t("privacy.step_waits")}</span>`}</span></li>`)}</ul></li>`)}</ul>
    <${More} pages=${erasures} />`;
}

/** @param {{erasure: Api.Erasure}} props */
function Whose({ erasure }) {
  const words = t("privacy.student", { id: erasure.student_id });
  return isThere("/students/:id") && erasure.kind === "face" ? html`<a href=${`#/students/${erasure.student_id}`}>${words}</a>` : words;
}

/** What a step removed, in words. @param {Record<string, any>} found counts, or models by name */
function foundIn(found) {
  const words = Object.entries(found).map(([kind, value]) => {
    const n = typeof value === "number" ? value : value && typeof value === "object" ? Object.keys(value).length : 0;
    return n > 0 && hasText(`privacy.found_${kind}`) ? t(`privacy.found_${kind}`, { n }) : "";
  }).filter(Boolean);
  return words.length > 0 ? words.join(", ") : t("privacy.found_nothing");
}
