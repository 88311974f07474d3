// @ts-check
// Consents in numbers, and to which text they were given.
import { html } from "../../lib.js";
import { isThere } from "../../routes.js";
import { t } from "../../texts.js";

/** @param {{numbers: Api.ConsentNumbers}} props */
export function Numbers({ numbers }) {
  const older = numbers.by_policy_version.filter((each) => each.policy_version !== numbers.policy_version);
  const without = numbers.students - numbers.with_consent;
  /** @param {string} name @param {number} n */
  const one = (name, n) => html`<div><dt>${t(`privacy.${name}`, { n })}</dt><dd>${n}</dd></div>`;
  return html`<dl class="counts">
      ${one("with_consent", numbers.with_consent)}${one("without_consent", without)}${one("withdrawn", numbers.withdrawn)}${one("photos", numbers.face_images)}</dl>
    <p class="measure">${t("privacy.policy_version", { version: numbers.policy_version })}
      ${older.length > 0 && html` ${t("privacy.older", { n: older.reduce((sum, each) => sum + each.students, 0), versions: older.map((each) => `${each.policy_version} (${each.students})`).join(", ") })}`}</p>
    <p class="measure quiet">${t("privacy.one_student")} ${isThere("/students") && html`<a href="#/students">${t("privacy.to_students")}</a>`}</p>`;
}
