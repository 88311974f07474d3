// @ts-check
// What the school keeps about a student: handed over as a file, or erased. Both are for admins.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { go } from "../../router.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Icon } from "../icon.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{student: Api.Student}} props */
export function OwnData({ student }) {
  const erase = async () => {
    const sure = await confirm({ title: t("own_data.erase_title", { name: student.name }), danger: true, action: t("own_data.erase"), typed: student.name,
      text: html`<p>${t("own_data.erase_what", { n: student.face_images })}</p><p>${t("own_data.erase_stays")}</p><p><strong>${t("own_data.erase_final")}</strong></p>` });
    if (!sure) return;
    try {
      const erasure = await api.post(`/students/${student.id}/erase`, { external_id: student.external_id }, { timeout: 120000 });
      go("/students");
      toast(t(erasure.completed_at ? "own_data.erased" : "own_data.erasing", { name: student.name }), { seconds: 10 });
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return html`<section><h2>${t("own_data.title")}</h2>
    <ul class="plain-list framed wide">
      <li class="wraps"><div><h3>${t("own_data.export_title")}</h3><p class="quiet small">${t("own_data.export_text")}</p></div>
        <a role="button" class="secondary" href=${api.addressOf(`/students/${student.id}/export`)} download><${Icon} name="download" />${t("own_data.export")}</a></li>
      <li class="wraps"><div><h3>${t("own_data.erase_heading")}</h3><p class="quiet small">${t("own_data.erase_text")}</p></div>
        <button type="button" class="secondary danger" onClick=${erase}>${t("own_data.erase")}</button></li>
    </ul>
  </section>`;
}
