// @ts-check
// Every change of a mark: what it was, what it became, who did it, when and why; and changing it for a reason.
import { html } from "../lib.js";
import * as api from "../api.js";
import { useLoaded } from "../loading.js";
import { dayAndClock } from "../times.js";
import { t } from "../texts.js";
import { Dialog } from "./dialog.js";
import { MarkForm } from "./mark_form.js";
import { Status } from "./marks.js";
import { Shown } from "./page.js";

/** @param {{record: Api.Record, zone: string, save?: (record: Api.Record, fields: Api.CorrectionFields) => Promise<unknown>, onClose: () => void}} props
 *   save: for those who may change it */
export function MarkHistory({ record, zone, save, onClose }) {
  const changes = useLoaded((signal) => api.get(`/records/${record.id}/changes`, undefined, { signal }), [record.id, record.version]);
  return html`<${Dialog} title=${t("history.title", { name: record.student.name })} onClose=${onClose}>
    <${Shown} from=${changes} rows=${2}>${(/** @type {Api.Change[]} */ list) => list.length === 0
      ? html`<p class="quiet">${t("history.none")}</p>`
      : html`<ol class="history">${list.map((change) => html`<li key=${change.id}><p><${Status} status=${change.old_status} /> → <${Status} status=${change.new_status} /></p>
          <p class="small"><strong>${change.actor_name ?? t(`history.source_${change.source}`)}</strong> · ${dayAndClock(change.at, zone)}
          ${change.source === "manual" && html` · ${t(`reason.${change.reason_code}`)}`}${change.text && html`<br /><span class="quiet">${change.text}</span>`}</p></li>`)}</ol>`}</${Shown}>
    ${save && html`<${MarkForm} record=${record} save=${async (/** @type {Api.CorrectionFields} */ fields) => { await save(record, fields); onClose(); }} />`}
  </${Dialog}>`;
}
