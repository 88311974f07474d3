// @ts-check
// Somebody whom the school does not know yet: an admin adds them, an instructor asks for them in a course.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { getAll, useLoaded } from "../../loading.js";
import { go } from "../../router.js";
import { isAdmin } from "../../state.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Empty, Shown } from "../page.js";
import { toast } from "../toast.js";

/** @param {{onClose: () => void}} props */
export function NewStudent({ onClose }) {
  const courses = useLoaded((signal) => getAll("/courses", {}, signal), []);
  return html`<${Dialog} title=${t("students.add")} onClose=${onClose}>
    <${Shown} from=${courses} rows=${5}>${(/** @type {Api.Course[]} */ list) => list.length === 0 && !isAdmin.value
      ? html`<${Empty} title=${t("new_student.no_course")} text=${t("new_student.no_course_text")} action=${html`<a role="button" href="#/courses">${t("today.to_courses")}</a>`} />`
      : html`<${Fields} courses=${list} onClose=${onClose} />`}</${Shown}>
  </${Dialog}>`;
}

/** @param {{courses: Api.Course[], onClose: () => void}} props */
function Fields({ courses, onClose }) {
  const [taken, setTaken] = useState(/** @type {{id: string, student: Api.Student | null} | null} */ (null));
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    setTaken(null);
    if (!isAdmin.value) {
      const made = await api.post(`/courses/${values.course_id}/enrolments`, { external_id: values.external_id, name: values.name, email: values.email || null });
      onClose();
      go(`/courses/${values.course_id}`);
      toast(made.requested_at ? t("add_student.asked", { name: values.name }) : t("add_student.made", { name: values.name }));
      return;
    }
    try {
      const made = await api.post("/students", { external_id: values.external_id, name: values.name, email: values.email || null,
        course_id: values.course_id ? Number(values.course_id) : null });
      onClose();
      go(`/students/${made.id}`);
      toast(t("new_student.made", { name: made.name }));
    } catch (problem) {
      if (!(problem instanceof api.Problem) || problem.code !== "duplicate") throw problem;
      const found = await api.get("/students", { q: values.external_id, limit: 200 });
      const same = found.items.find((/** @type {Api.Student} */ each) => each.external_id.toLowerCase() === values.external_id.trim().toLowerCase());
      setTaken({ id: values.external_id, student: same ?? null });
    }
  };
  return html`<${Form} onSubmit=${submitted} submit=${t(isAdmin.value ? "new_student.make" : "add_student.ask")}>
    ${taken && html`<div class="note warn" role="alert"><p><strong>${t("new_student.taken", { id: taken.id })}</strong></p>
      ${taken.student && html`<p><a href=${`#/students/${taken.student.id}`}>${t("new_student.open", { name: taken.student.name })}</a></p>`}</div>`}
    ${!isAdmin.value && html`<p class="quiet small">${t("add_student.ask_hint")}</p>`}
    <div class="fields">
      <${Field} label=${t("add_student.id")} name="external_id" required maxlength="64" autocomplete="off" autofocus hint=${t("add_student.id_hint")} />
      <${Field} label=${t("add_student.name")} name="name" required maxlength="200" autocomplete="off" />
    </div>
    <${Field} label=${t("add_student.email")} name="email" type="email" autocomplete="off" hint=${t("add_student.email_hint")} />
    <${Field} as="select" label=${t("new_student.course")} name="course_id" required=${!isAdmin.value} hint=${t("new_student.course_hint")}>
      ${isAdmin.value && html`<option value="">${t("new_student.no_course_yet")}</option>`}
      ${courses.map((course) => html`<option value=${course.id}>${course.code} · ${course.title} · ${course.term}</option>`)}</${Field}>
  </${Form}>`;
}
