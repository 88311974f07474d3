// @ts-check
// The face is of none of the candidates but of another student of the session.
import { html, useState } from "../../lib.js";
import { useGet } from "../../loading.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Status } from "../marks.js";
import { Shown } from "../page.js";
import { SearchField } from "../search_field.js";

/** @param {{session: number, choose: (student: Api.StudentReference) => void, onClose: () => void}} props */
export function SomebodyElse({ session, choose, onClose }) {
  const sheet = useGet(`/sessions/${session}/records`);
  const [wanted, setWanted] = useState("");
  return html`<${Dialog} title=${t("review.somebody_else_title")} onClose=${onClose}>
    <${SearchField} label=${t("review.find")} value=${wanted} onSearch=${setWanted} autofocus />
    <${Shown} from=${sheet} rows=${5}>${(/** @type {Api.Sheet} */ data) => {
      const found = data.items.filter((record) => `${record.student.name} ${record.student.external_id}`.toLocaleLowerCase().includes(wanted.trim().toLocaleLowerCase()));
      return found.length === 0 ? html`<p class="quiet">${t("review.nobody_found")}</p>`
        : html`<ul class="roster-choice">${found.map((record) => html`<li key=${record.id}><button type="button" class="secondary" onClick=${() => choose(record.student)}>
            <span><strong>${record.student.name}</strong> <span class="quiet small">${record.student.external_id}</span></span><${Status} status=${record.status} /></button></li>`)}</ul>`;
    }}</${Shown}>
  </${Dialog}>`;
}
