// @ts-check
// Beside the picture: who came last, and who has not been seen.
import { html } from "../../lib.js";
import { clock } from "../../times.js";
import { t } from "../../texts.js";
import { NotSaved, Status } from "../marks.js";

const HERE = ["present", "late"];
const SHOWN = 5;

/** @param {Api.Record} record */
export const isHere = (record) => HERE.includes(record.status);

/** When somebody came: seen by the camera, or marked. @param {Api.Record} record */
const cameAt = (record) => record.first_seen_at ?? record.updated_at;

/**
 * @param {{records: import("../../marking.js").Shown[], zone: string, onUndo: (record: Api.Record) => void, onNotMe: (record: Api.Record) => void}} props
 */
export function Arrivals({ records, zone, onUndo, onNotMe }) {
  const last = records.filter(isHere).sort((a, b) => cameAt(b).localeCompare(cameAt(a))).slice(0, SHOWN);
  return html`<section aria-labelledby="arrivals"><h2 id="arrivals">${t("live.arrivals")}</h2>
    ${last.length === 0
      ? html`<p class="quiet">${t("live.no_arrivals")}</p>`
      : html`<ul class="arrivals">${last.map((record) => html`<li key=${record.id}>
          <span class="initial" aria-hidden="true">${record.student.name.charAt(0)}</span>
          <strong class="who">${record.student.name}</strong> ${record.status === "late" && html`<${Status} status="late" />`}
          <span class="acts"><span class="quiet small"><time datetime=${cameAt(record)}>${clock(cameAt(record), zone)}</time>
            ${record.source === "manual" ? ` · ${t("live.by_hand")}` : ""}</span>
            ${record.isWaiting ? html`<${NotSaved} />` : record.source === "face" && html`<button type="button" class="link small" onClick=${() => onNotMe(record)}>${t("live.not_me")}<span class="visually-hidden">${`: ${record.student.name}`}</span></button>`}
            ${!record.isWaiting && html`<button type="button" class="link small" onClick=${() => onUndo(record)}>${t("toast.undo")}<span class="visually-hidden">${`: ${record.student.name}`}</span></button>`}
          </span></li>`)}</ul>`}
  </section>`;
}

/** @param {{records: import("../../marking.js").Shown[], onMark: (record: Api.Record) => void}} props onMark: of somebody who is there and was not seen */
export function Absentees({ records, onMark }) {
  const missing = records.filter((record) => record.status === "unmarked" || record.status === "absent");
  const excused = records.filter((record) => record.status === "excused");
  if (missing.length === 0 && excused.length === 0) return null;
  return html`<section aria-labelledby="absentees"><h2 id="absentees">${t("live.absentees")} <span class="quiet number">${missing.length}</span></h2>
    ${missing.length > 0 && html`<p class="quiet small">${t("live.tap")}</p>
      <ul class="absentees">${missing.map((record) => html`<li key=${record.id}><button type="button" class="secondary" onClick=${() => onMark(record)}>
        <span class="visually-hidden">${t("live.mark")} </span>${record.student.name}${record.isWaiting && html`<${NotSaved} />`}${!record.has_consent && html`<span class="quiet small" title=${t("live.no_consent_why")}>${t("live.no_consent")}</span>`}</button></li>`)}</ul>`}
    ${excused.length > 0 && html`<p class="quiet small">${t("live.excused", { names: excused.map((record) => record.student.name).join(", ") })}</p>`}
  </section>`;
}
