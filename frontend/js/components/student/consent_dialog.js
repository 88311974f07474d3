// @ts-check
// Recording a consent: first what it means, to be read to the student, then how it was given.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { momentOf, ownZone, today } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Checkbox, Field, Form } from "../form.js";
import { toast } from "../toast.js";

const METHODS = ["paper", "online", "in_person", "guardian"];
const MEANINGS = ["what", "where", "refusal", "end"];

/** @param {{student: Api.Student, given: () => Promise<void>, onClose: () => void}} props */
export function ConsentDialog({ student, given, onClose }) {
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    await api.post(`/students/${student.id}/consents`, {
      method: values.method, evidence: values.evidence, policy_version: values.policy_version.trim() || null,
      // of another day only the day is known
      given_at: values.given_on === today() ? null : momentOf(values.given_on, "12:00", ownZone()),
    });
    onClose();
    await given();
    toast(t("consent.recorded", { name: student.name }));
  };
  return html`<${Dialog} title=${t("consent.title", { name: student.name })} onClose=${onClose}>
    <p>${t("consent.tell")}</p>
    <ul class="meanings">${MEANINGS.map((each) => html`<li><strong>${t(`consent.${each}_title`)}</strong> ${t(`consent.${each}_text`)}</li>`)}</ul>
    <${Form} onSubmit=${submitted} submit=${t("consent.record_do")} actions=${html`<button type="button" class="secondary" onClick=${onClose}>${t("consent.refused")}</button>`}>
      <${Checkbox} label=${t("consent.told")} name="told" required />
      <div class="fields">
        <${Field} as="select" label=${t("consent.method")} name="method">${METHODS.map((each) => html`<option value=${each}>${t(`consent.method_${each}`)}</option>`)}</${Field}>
        <${Field} label=${t("consent.day")} name="given_on" type="date" required max=${today()} defaultValue=${today()} />
      </div>
      <${Field} label=${t("consent.evidence")} name="evidence" maxlength="500" autocomplete="off" hint=${t("consent.evidence_hint")} />
      <${Field} label=${t("consent.policy")} name="policy_version" maxlength="40" autocomplete="off" hint=${t("consent.policy_hint")} />
    </${Form}>
  </${Dialog}>`;
}
