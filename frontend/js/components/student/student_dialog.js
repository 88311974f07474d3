// @ts-check
// Who a student is: for those who are appointed; the id is an admin's to change.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { isAdmin } from "../../state.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { toast } from "../toast.js";

/** @param {{student: Api.Student, changed: () => Promise<void>, onClose: () => void}} props */
export function StudentDialog({ student, changed, onClose }) {
  const [conflict, setConflict] = useState(false);
  /** @param {Record<string, any>} values */
  const save = async (values) => {
    setConflict(false);
    try {
      await api.patch(`/students/${student.id}`, { ...values, email: values.email || null }, { version: student.version });
    } catch (problem) {
      if (!(problem instanceof api.Problem) || problem.status !== 412) throw problem;
      await changed();
      setConflict(true);
      return;
    }
    onClose();
    await changed();
    toast(t("student.saved"));
  };
  // drawn anew for another version, so that the fields show what is saved
  return html`<${Dialog} title=${t("student.change_title", { name: student.name })} onClose=${onClose}>
    ${conflict && html`<p class="note warn" role="alert">${t("student.conflict")}</p>`}
    <${Form} key=${student.version} onSubmit=${save} submit=${t("student.save")}>
      <${Field} label=${t("add_student.name")} name="name" required maxlength="200" autocomplete="off" defaultValue=${student.name} />
      <${Field} label=${t("add_student.email")} name="email" type="email" autocomplete="off" defaultValue=${student.email ?? ""} hint=${t("add_student.email_hint")} />
      <div class="fields">
        ${isAdmin.value && html`<${Field} label=${t("add_student.id")} name="external_id" required maxlength="64" autocomplete="off" defaultValue=${student.external_id} hint=${t("student.id_hint")} />`}
        <${Field} as="select" label=${t("students.status")} name="status" hint=${t("student.status_hint")}>
          ${["active", "inactive"].map((each) => html`<option value=${each} selected=${each === student.status}>${t(`students.status_${each}`)}</option>`)}</${Field}>
      </div>
    </${Form}>
  </${Dialog}>`;
}
