// @ts-check
import { html } from "../../lib.js";
import { t } from "../../texts.js";

/** Whether a face can be recognised, and what is missing if not. @param {{student: Api.Student}} props */
export function FaceState({ student }) {
  if (!student.has_consent) return html`<span class="badge">${t("roster.no_consent")}</span>`;
  if (student.face_images === 0) return html`<span class="badge warn"><span aria-hidden="true">?</span>${t("roster.no_photos")}</span>`;
  return html`<span class="badge good"><span aria-hidden="true">✓</span>${t("roster.photos", { n: student.face_images })}</span>`;
}
