// @ts-check
// The end of a consent: what is erased and when is said before, what was erased after it.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{student: Api.Student, changed: () => Promise<void>}} props */
export function Withdrawal({ student, changed }) {
  const [busy, setBusy] = useState(false);
  const withdraw = async () => {
    // how many photos there are now: the page may have been told before the last ones came
    let photos;
    try {
      photos = /** @type {Api.Student} */ (await api.get(`/students/${student.id}`)).face_images;
    } catch (problem) {
      toastProblem(problem);
      return;
    }
    const sure = await confirm({ title: t("withdraw.title", { name: student.name }), danger: true, action: t("withdraw.do"),
      typed: student.external_id, typedLabel: t("withdraw.typed", { id: student.external_id }),
      text: html`<p>${t("withdraw.erased")}</p>
        <ul><li>${t("withdraw.photos", { n: photos })}</li><li>${t("withdraw.crops")}</li><li>${t("withdraw.models")}</li></ul>
        <p>${t("withdraw.at_once")}</p><p>${t("withdraw.stays")}</p>` });
    if (!sure) return;
    setBusy(true);
    try {
      /** @type {Api.Withdrawal} */
      const { erasure } = await api.post(`/students/${student.id}/consents/withdraw`, undefined, { timeout: 120000 });
      toast(t(erasure.completed_at ? "withdraw.done" : "withdraw.going_on", { name: student.name }), { seconds: 10 });
    } catch (problem) {
      toastProblem(problem);
    }
    setBusy(false);
    await changed();
  };
  return html`<button type="button" class="secondary danger" aria-busy=${busy} disabled=${busy} onClick=${withdraw}>${t("withdraw.open")}</button>`;
}
