// @ts-check
// The days on which a student is excused, and why.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { usePages } from "../../loading.js";
import { isAdmin, isStaff } from "../../state.js";
import { calendarDay, today } from "../../times.js";
import { t } from "../../texts.js";
import { confirm, Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Icon } from "../icon.js";
import { Shown } from "../page.js";
import { More } from "../table.js";
import { toast, toastProblem } from "../toast.js";

const REASONS = ["illness", "family", "religious", "school_event", "official", "other"];

/** @param {{student: Api.Student, report: Api.StudentReport, changed: () => Promise<void>}} props changed: marks have become others */
export function Excuses({ student, report, changed }) {
  const excuses = usePages("/excuses", { student_id: student.id, limit: 20 });
  const [adding, setAdding] = useState(false);
  const mayAdd = isStaff.value && (report.courses.length > 0 || isAdmin.value);
  /** @param {Api.Excuse} excuse */
  const revoke = async (excuse) => {
    const days = daysOf(excuse);
    if (!await confirm({ title: t("excuses.revoke_title", { days }), text: html`<p>${t("excuses.revoke_text")}</p>`, action: t("excuses.revoke_do"), danger: true })) return;
    try {
      await api.remove(`/excuses/${excuse.id}`);
      toast(t("excuses.revoked", { days }));
    } catch (problem) {
      toastProblem(problem);
    }
    await Promise.all([excuses.reload(), changed()]);
  };
  /** @param {Api.Outcome} outcome */
  const added = async (outcome) => {
    setAdding(false);
    await Promise.all([excuses.reload(), changed()]);
    const said = [t("excuses.added", { days: daysOf(outcome.excuse) })];
    if (outcome.changed.length) said.push(t("excuses.changed", { n: outcome.changed.length }));
    if (outcome.locked.length) said.push(t("excuses.locked", { n: outcome.locked.length }));
    toast(said.join(" "), { seconds: outcome.locked.length ? 10 : 6 });
  };
  return html`<section><div class="spread head"><h2>${t("excuses.title")}</h2>
      ${mayAdd && html`<button type="button" class="secondary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("excuses.add")}</button>`}</div>
    <${Shown} from=${excuses} rows=${2}>${(/** @type {Api.ExcusePage} */ page) => page.items.length === 0
      ? html`<p class="quiet">${t("excuses.none")}</p>`
      : html`<ul class="plain-list framed wide">${page.items.map((excuse) => html`<li key=${excuse.id}>
          <div><strong>${daysOf(excuse)}</strong> <span class="quiet">${t(`excuses.reason_${excuse.reason_code}`)} · ${courseOf(excuse, report)}</span>
            ${excuse.text && html`<span class="quiet small under lines">${excuse.text}</span>`}</div>
          ${isStaff.value && (excuse.course_id !== null || isAdmin.value) && html`<button type="button" class="link" aria-label=${t("excuses.revoke_of", { days: daysOf(excuse) })} onClick=${() => revoke(excuse)}>${t("excuses.revoke")}</button>`}
        </li>`)}</ul><${More} pages=${excuses} />`}</${Shown}>
    ${adding && html`<${NewExcuse} student=${student} report=${report} added=${added} onClose=${() => setAdding(false)} />`}
  </section>`;
}

/** @param {{student: Api.Student, report: Api.StudentReport, added: (outcome: Api.Outcome) => Promise<void>, onClose: () => void}} props */
function NewExcuse({ student, report, added, onClose }) {
  const [first, setFirst] = useState(today());
  /** @param {Record<string, any>} values */
  const submitted = async (values) => added(await api.post("/excuses", { ...values, student_id: student.id, course_id: values.course_id ? Number(values.course_id) : null }));
  return html`<${Dialog} title=${t("excuses.add_title", { name: student.name })} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("excuses.add_do")}>
      <div class="fields">
        <${Field} label=${t("excuses.first")} name="starts_on" type="date" required value=${first} onInput=${(/** @type {any} */ event) => setFirst(event.target.value)} />
        <${Field} label=${t("excuses.last")} name="ends_on" type="date" required min=${first} defaultValue=${first} hint=${t("excuses.last_hint")} />
      </div>
      <div class="fields">
        <${Field} as="select" label=${t("student.course")} name="course_id">
          ${isAdmin.value && html`<option value="">${t("excuses.every_course")}</option>`}
          ${report.courses.map(({ course }) => html`<option value=${course.id}>${course.code} · ${course.title}</option>`)}</${Field}>
        <${Field} as="select" label=${t("excuses.reason")} name="reason_code">${REASONS.map((each) => html`<option value=${each}>${t(`excuses.reason_${each}`)}</option>`)}</${Field}>
      </div>
      <${Field} as="textarea" rows="2" maxlength="1000" label=${t("excuses.text")} name="text" hint=${t("excuses.text_hint")} />
    </${Form}>
  </${Dialog}>`;
}

/** @param {Api.Excuse} excuse */
function daysOf(excuse) {
  const from = calendarDay(excuse.starts_on), to = calendarDay(excuse.ends_on);
  return from === to ? from : `${from} – ${to}`;
}

/** @param {Api.Excuse} excuse @param {Api.StudentReport} report */
function courseOf(excuse, report) {
  if (excuse.course_id === null) return t("excuses.every_course");
  return report.courses.find(({ course }) => course.id === excuse.course_id)?.course.code ?? t("excuses.other_course");
}
