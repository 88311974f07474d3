// @ts-check
// One student: consent and photos of the face, courses, excuses, and what is kept about them.
import { html, useState } from "../lib.js";
import * as api from "../api.js";
import { useLoaded } from "../loading.js";
import { isAdmin } from "../state.js";
import { t } from "../texts.js";
import { Page, ProblemNote, Skeleton } from "../components/page.js";
import { Courses } from "../components/student/courses.js";
import { Excuses } from "../components/student/excuses.js";
import { FaceRecognition } from "../components/student/face_recognition.js";
import { OwnData } from "../components/student/own_data.js";
import { StudentDialog } from "../components/student/student_dialog.js";

/** @param {{id: string}} props */
export default function StudentPage({ id }) {
  const loaded = useLoaded(async (signal) => {
    const [student, report] = await Promise.all([`/students/${id}`, `/reports/students/${id}`].map((path) => api.get(path, undefined, { signal })));
    const consents = student.may_manage ? await api.get(`/students/${id}/consents`, undefined, { signal }) : [];
    return { student: /** @type {Api.Student} */ (student), consents: /** @type {Api.Consent[]} */ (consents), report: /** @type {Api.StudentReport} */ (report) };
  }, [id]);
  const [changing, setChanging] = useState(false);
  const back = { href: "#/students", text: t("students.title") };
  if (!loaded.data) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} rows=${8} />`}</main>`;
  const { student, consents, report } = loaded.data;
  if (student.status === "erased") {
    return html`<${Page} title=${t("students.erased")} back=${back}><p class="note">${t("student.erased_text")}</p><${Courses} report=${report} /></${Page}>`;
  }
  return html`<${Page} title=${student.name} back=${back} lead=${leadOf(student)}
      actions=${student.may_manage && html`<button type="button" class="secondary" onClick=${() => setChanging(true)}>${t("student.change")}</button>`}>
    <${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />
    <${FaceRecognition} student=${student} consents=${consents} changed=${loaded.reload} />
    <${Courses} report=${report} />
    <${Excuses} student=${student} report=${report} changed=${loaded.reload} />
    ${isAdmin.value && html`<${OwnData} student=${student} />`}
    ${changing && html`<${StudentDialog} student=${student} changed=${loaded.reload} onClose=${() => setChanging(false)} />`}
  </${Page}>`;
}

/** @param {Api.Student} student */
function leadOf(student) {
  return html`${student.external_id}${student.email && html` · <a href=${`mailto:${student.email}`}>${student.email}</a>`}${
    student.status === "inactive" && html` <span class="badge">${t("roster.inactive")}</span>`}`;
}
