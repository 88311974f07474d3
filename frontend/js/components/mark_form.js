// @ts-check
// A mark that is changed for a reason, in words where somebody may ask later.
import { html, useState } from "../lib.js";
import { t } from "../texts.js";
import { Field, Form } from "./form.js";
import { SIGNS } from "./marks.js";

const REASONS = ["correction", "arrived_unseen", "misrecognised", "excuse_received", "left_early", "other"];

/** @param {{record: Api.Record, save: (fields: Api.CorrectionFields) => Promise<unknown>}} props */
export function MarkForm({ record, save }) {
  // kept when somebody else changes the mark meanwhile
  const [status, setStatus] = useState(record.status);
  const [reason, setReason] = useState(REASONS[0]);
  return html`<section class="mark-form"><h3>${t("mark.title")}</h3>
    <${Form} submit=${t("mark.save")} onSubmit=${(/** @type {any} */ values) => save(values)}>
      <div class="fields">
        <${Field} as="select" label=${t("sheet.mark")} name="status" onChange=${(/** @type {any} */ event) => setStatus(event.target.value)}>
          ${Object.keys(SIGNS).map((each) => html`<option value=${each} selected=${each === status}>${t(`status.${each}`)}</option>`)}</${Field}>
        <${Field} as="select" label=${t("mark.reason")} name="reason_code" onChange=${(/** @type {any} */ event) => setReason(event.target.value)}>
          ${REASONS.map((each) => html`<option value=${each} selected=${each === reason}>${t(`reason.${each}`)}</option>`)}</${Field}>
      </div>
      <${Field} label=${t("mark.words")} name="text" maxlength="1000" autocomplete="off" required=${reason === "other"} hint=${t(reason === "other" ? "mark.words_needed" : "mark.words_hint")} />
    </${Form}></section>`;
}
