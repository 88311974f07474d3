// @ts-check
// Every change of a mark: what it was, what it became, who did it, when and why.
import { html } from "../lib.js";
import { useGet } from "../loading.js";
import { dayAndClock } from "../times.js";
import { t } from "../texts.js";
import { Dialog } from "./dialog.js";
import { Status } from "./marks.js";
import { Shown } from "./page.js";

/** @param {{record: Api.Record, zone: string, onClose: () => void}} props */
export function MarkHistory({ record, zone, onClose }) {
  const changes = useGet(`/records/${record.id}/changes`);
  return html`<${Dialog} title=${t("history.title", { name: record.student.name })} onClose=${onClose}>
    <${Shown} from=${changes} rows=${2}>${(/** @type {Api.Change[]} */ list) => list.length === 0
      ? html`<p class="quiet">${t("history.none")}</p>`
      : html`<ol class="history">${list.map((change) => html`<li><p><${Status} status=${change.old_status} /> → <${Status} status=${change.new_status} /></p>
          <p class="small"><strong>${change.actor_name ?? t(`history.source_${change.source}`)}</strong> · ${dayAndClock(change.at, zone)}
          ${change.source === "manual" && html` · ${t(`reason.${change.reason_code}`)}`}${change.text && html`<br /><span class="quiet">${change.text}</span>`}</p></li>`)}</ol>`}</${Shown}>
  </${Dialog}>`;
}
