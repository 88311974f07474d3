// @ts-check
// From which day to which somebody is enrolled: changing it, ending it today, taking back a mistake.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { calendarDay, today } from "../../times.js";
import { t } from "../../texts.js";
import { confirm, Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{entry: Api.RosterEntry, course: Api.Course, changed: () => unknown, onClose: () => void}} props */
export function EnrolmentDialog({ entry, course, changed, onClose }) {
  const { enrolment, student } = entry;
  const now = today(course.timezone);
  const isOver = enrolment.ends_on !== null && enrolment.ends_on <= now;

  /** @param {{starts_on?: string, ends_on?: string | null}} days @param {string} said */
  const save = async (days, said) => {
    await api.patch(`/enrolments/${enrolment.id}`, days);
    onClose();
    await changed();
    toast(said, { undo: () => putBack() });
  };
  const putBack = async () => {
    try {
      await api.patch(`/enrolments/${enrolment.id}`, { starts_on: enrolment.starts_on, ends_on: enrolment.ends_on });
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  const end = async () => {
    try {
      await save({ ends_on: now }, t("enrolment.ended", { name: student.name, day: calendarDay(now) }));
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const takeBack = async () => {
    onClose();
    const sure = await confirm({ title: t("enrolment.remove_title", { name: student.name }), text: html`<p>${t("enrolment.remove_text")}</p>`,
      action: t("enrolment.remove"), danger: true });
    if (!sure) return;
    try {
      await api.remove(`/enrolments/${enrolment.id}`);
      toast(t("enrolment.removed", { name: student.name }));
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };

  return html`<${Dialog} title=${t("enrolment.title", { name: student.name })} onClose=${onClose}>
    <${Form} submit=${t("enrolment.save")} onSubmit=${(/** @type {Record<string, any>} */ values) => save(
        { starts_on: values.starts_on, ends_on: values.ends_on || null }, t("enrolment.saved", { name: student.name }))}
      actions=${html`<button type="button" class="secondary danger" onClick=${takeBack}>${t("enrolment.remove_short")}</button>
        ${!isOver && enrolment.starts_on <= now && html`<button type="button" class="secondary" onClick=${end}>${t("enrolment.end")}</button>`}`}>
      <div class="fields">
        <${Field} label=${t("enrolment.first")} name="starts_on" type="date" required defaultValue=${enrolment.starts_on} />
        <${Field} label=${t("enrolment.last")} name="ends_on" type="date" defaultValue=${enrolment.ends_on ?? ""} hint=${t("enrolment.last_hint")} />
      </div>
      <p class="quiet small">${t("enrolment.text")}</p>
    </${Form}>
  </${Dialog}>`;
}
