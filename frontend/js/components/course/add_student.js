// @ts-check
// Enrolling one student: somebody whom the school knows already, found by typing, or somebody new.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { usePages } from "../../loading.js";
import { isAdmin } from "../../state.js";
import { calendarDay, today } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Icon } from "../icon.js";
import { Shown } from "../page.js";
import { SearchField } from "../search_field.js";
import { toast, toastProblem } from "../toast.js";

const MOST_SHOWN = 8;

/** @param {{course: Api.Course, added: () => unknown, onClose: () => void}} props */
export function AddStudent({ course, added, onClose }) {
  const [search, setSearch] = useState("");
  const [isNew, setIsNew] = useState(false);
  const words = search.trim();
  return html`<${Dialog} title=${t("add_student.title", { course: course.code ?? "" })} onClose=${onClose}>
    ${isNew
      ? html`<${NewStudent} course=${course} words=${words} added=${added} onClose=${onClose} back=${() => setIsNew(false)} />`
      : html`<${SearchField} label=${t("add_student.search")} value=${search} onSearch=${setSearch} autofocus />
        ${words ? html`<${Found} course=${course} words=${words} added=${added} />` : html`<p class="quiet small">${t(isAdmin.value ? "add_student.hint_admin" : "add_student.hint")}</p>`}
        <div class="actions"><button type="button" class="secondary" onClick=${() => setIsNew(true)}><${Icon} name="plus" />${t("add_student.new")}</button></div>`}
  </${Dialog}>`;
}

/** Enrol from today on, or ask an admin to, and say so. @param {Api.Course} course @param {Record<string, any>} who @param {string} name @param {() => unknown} added */
async function enrol(course, who, name, added) {
  const made = await api.post(`/courses/${course.id}/enrolments`, who);
  await added();
  const isAsked = made.requested_at !== undefined;
  toast(isAsked ? t("add_student.asked", { name }) : t("add_student.enrolled", { name, day: calendarDay(made.starts_on) }), {
    undo: async () => {
      try {
        await api.remove(`/${isAsked ? "enrolment-requests" : "enrolments"}/${made.id}`);
      } catch (problem) {
        toastProblem(problem);
      }
      await added();
    },
  });
}

/** @param {{course: Api.Course, words: string, added: () => unknown}} props */
function Found({ course, words, added }) {
  const students = usePages("/students", { q: words, status: "active", limit: MOST_SHOWN });
  const [done, setDone] = useState(/** @type {number[]} */ ([]));
  /** @param {Api.Student} student */
  const take = async (student) => {
    try {
      await enrol(course, { student_id: student.id }, student.name, added);
      setDone((now) => [...now, student.id]);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return html`<${Shown} from=${students} rows=${3}>${(/** @type {Api.StudentPage} */ page) => page.items.length === 0
    ? html`<p class="quiet">${t("add_student.none", { words })}</p>`
    : html`<ul class="plain-list">${page.items.map((student) => html`<li key=${student.id}>
        <span><strong>${student.name}</strong><span class="quiet small under">${student.external_id}</span></span>
        ${done.includes(student.id)
          ? html`<span class="badge good"><span aria-hidden="true">✓</span>${t("add_student.done")}</span>`
          : html`<button type="button" class="secondary small" aria-label=${t("add_student.enrol_one", { name: student.name })} onClick=${() => take(student)}>${t("add_student.enrol")}</button>`}
      </li>`)}</ul>${page.next_cursor && html`<p class="quiet small">${t("add_student.more")}</p>`}`}</${Shown}>`;
}

/** @param {{course: Api.Course, words: string, added: () => unknown, onClose: () => void, back: () => void}} props words: what was searched for */
function NewStudent({ course, words, added, onClose, back }) {
  const [taken, setTaken] = useState("");
  const seemsId = /\d/.test(words);
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    setTaken("");
    if (!isAdmin.value) {
      await enrol(course, { ...values, email: values.email || null }, values.name, added);
      onClose();
      return;
    }
    try {
      await api.post("/students", { external_id: values.external_id, name: values.name, email: values.email || null,
        course_id: course.id, starts_on: values.starts_on || null });
    } catch (problem) {
      if (problem instanceof api.Problem && problem.code === "duplicate") setTaken(values.external_id);
      throw problem;
    }
    onClose();
    await added();
    toast(t("add_student.made", { name: values.name }));
  };
  const enrolTaken = async () => {
    try {
      await enrol(course, { external_id: taken }, taken, added);
      onClose();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return html`<${Form} onSubmit=${submitted} submit=${t(isAdmin.value ? "add_student.make" : "add_student.ask")}
      actions=${html`<button type="button" class="secondary" onClick=${back}>${t("add_student.back")}</button>`}>
    ${!isAdmin.value && html`<p class="quiet small">${t("add_student.ask_hint")}</p>`}
    <div class="fields">
      <${Field} label=${t("add_student.id")} name="external_id" required maxlength="64" autocomplete="off" autofocus defaultValue=${seemsId ? words : ""} hint=${t("add_student.id_hint")} />
      <${Field} label=${t("add_student.from")} name="starts_on" type="date" required defaultValue=${today(course.timezone)} />
    </div>
    <${Field} label=${t("add_student.name")} name="name" required maxlength="200" autocomplete="off" defaultValue=${seemsId ? "" : words} />
    <${Field} label=${t("add_student.email")} name="email" type="email" autocomplete="off" hint=${t("add_student.email_hint")} />
    ${taken && html`<div class="note warn"><p>${t("add_student.taken", { id: taken })}</p>
      <p><button type="button" class="secondary small" onClick=${enrolTaken}>${t("add_student.enrol_taken", { id: taken })}</button></p></div>`}
  </${Form}>`;
}
