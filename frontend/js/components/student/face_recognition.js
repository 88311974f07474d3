// @ts-check
// Whether a student is recognised by face: first the consent, then the photos. Both are for those who are appointed.
import { html, useState } from "../../lib.js";
import { day } from "../../times.js";
import { t } from "../../texts.js";
import { Icon } from "../icon.js";
import { ConsentDialog } from "./consent_dialog.js";
import { Photos } from "./photos.js";
import { Withdrawal } from "./withdrawal.js";

/** @param {{student: Api.Student, consents: Api.Consent[], changed: () => Promise<void>}} props */
export function FaceRecognition({ student, consents, changed }) {
  const [asking, setAsking] = useState(false);
  const active = consents.find((consent) => !consent.withdrawn_at);
  const past = consents.filter((consent) => consent.withdrawn_at);
  if (!student.may_manage) {
    return html`<section><h2>${t("face.title")}</h2><div class="card consent">
      <div><p><strong>${student.has_consent && html`<span aria-hidden="true">✓ </span>`}${t(student.has_consent ? "consent.is_given" : "consent.none")}</strong></p>
        <p class="quiet">${t(student.has_consent ? "consent.is_given_text" : "consent.none_text")} ${t("consent.not_yours")}</p></div></div></section>`;
  }
  return html`<section><h2>${t("face.title")}</h2>
    ${active
      ? html`<div class="card consent given">
          <div><p><strong><span aria-hidden="true">✓ </span>${t("consent.given", { day: day(active.given_at) })}</strong></p>
            <p class="quiet small">${detailsOf(active)}</p></div>
          <${Withdrawal} student=${student} changed=${changed} /></div>
        <${Photos} student=${student} changed=${changed} />`
      : html`<div class="card consent">
          <div><p><strong>${t("consent.none")}</strong></p><p class="quiet">${t("consent.none_text")}</p></div>
          <button type="button" onClick=${() => setAsking(true)}><${Icon} name="pencil" />${t("consent.record")}</button></div>`}
    ${past.length > 0 && html`<details class="past"><summary>${t("consent.past", { n: past.length })}</summary>
      <ul>${past.map((consent) => html`<li key=${consent.id}>${t("consent.from_to", { from: day(consent.given_at), to: day(consent.withdrawn_at) })}
        <span class="quiet small under">${detailsOf(consent)}</span></li>`)}</ul></details>`}
    ${asking && html`<${ConsentDialog} student=${student} given=${changed} onClose=${() => setAsking(false)} />`}
  </section>`;
}

/** @param {Api.Consent} consent */
function detailsOf(consent) {
  return [t(`consent.method_${consent.method}`), consent.evidence, t("consent.version", { version: consent.policy_version })].filter(Boolean).join(" · ");
}
