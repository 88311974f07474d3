// @ts-check
// Where reports begin: who is slipping in any course, each course, and the marks of a period as a file.
import { html, useState } from "../lib.js";
import * as api from "../api.js";
import { usePages } from "../loading.js";
import { isStaff } from "../state.js";
import { today } from "../times.js";
import { t } from "../texts.js";
import { Icon } from "../components/icon.js";
import { Percent } from "../components/marks.js";
import { Empty, Page, Shown } from "../components/page.js";
import { More, Table } from "../components/table.js";
import { Period } from "../components/report/period.js";

/** @typedef {Api.AtRiskStudent & {course: Api.ReportedCourse}} Slipping */

export default function Reports() {
  const courses = usePages("/reports/at-risk", { limit: 50 });
  return html`<${Page} title=${t("reports.title")}>
    <${Shown} from=${courses} rows=${8}>${(/** @type {Api.AtRiskCoursePage} */ data) => data.items.length === 0
      ? html`<${Empty} title=${t("courses.none_title")} text=${t(isStaff.value ? "reports.none_text" : "courses.none_viewer")}
          action=${isStaff.value && html`<a role="button" href="#/courses">${t("today.to_courses")}</a>`} />`
      : html`<section><h2>${t("report.at_risk")}</h2><${AtRisk} courses=${data.items} /></section>
        <section><h2>${t("courses.title")}</h2><div class="cards">${data.items.map((line) => html`<a class="card plain course" href=${`#/reports/courses/${line.course.id}`} key=${line.course.id}>
          <strong>${line.course.code}</strong><span>${line.course.title}</span><span class="quiet small">${line.course.term} · ${t(line.students.length ? "reports.n_at_risk" : "reports.none_at_risk", { n: line.students.length })}</span></a>`)}</div>
        <${More} pages=${courses} /></section>
        <${PeriodFile} />`}</${Shown}>
  </${Page}>`;
}

/** @param {{courses: Api.AtRiskCourse[]}} props */
function AtRisk({ courses }) {
  const rows = courses.flatMap((line) => line.students.map((student) => ({ ...student, course: line.course }))).sort((a, b) => (a.percent ?? 101) - (b.percent ?? 101));
  if (rows.length === 0) return html`<p class="note good">${t("reports.nobody_at_risk")}</p>`;
  return html`<${Table} label=${t("report.at_risk")} rows=${rows} rowKey=${(/** @type {Slipping} */ row) => `${row.course.id}-${row.student.id}`} rowClass=${() => "compact"} columns=${[
    { key: "student", title: t("sheet.student"), head: true, show: (/** @type {Slipping} */ row) => html`<a href=${`#/reports/students/${row.student.id}`}>${row.student.name}</a><span class="quiet small under">${row.student.external_id}</span>` },
    { key: "course", title: t("reports.course"), className: "wide", show: (/** @type {Slipping} */ row) => html`<a href=${`#/reports/courses/${row.course.id}?show=at_risk`}>${row.course.code}</a>` },
    { key: "percent", title: t("report.attendance"), className: "side", show: (/** @type {Slipping} */ row) => html`<${Percent} value=${row.percent} minimum=${row.course.min_percent} />` },
    { key: "why", title: t("reports.why"), className: "below", show: (/** @type {Slipping} */ row) => html`<span><span class="on-phone quiet">${row.course.code} · </span>${whyOf(row)}</span>` },
  ]} />`;
}

/** @param {Slipping} row */
function whyOf(row) {
  const absences = t("reports.absences", { n: row.absences });
  return row.reasons.includes("absences_in_a_row") ? `${absences}, ${t("reports.in_a_row", { n: row.absences_in_a_row })}` : absences;
}

function PeriodFile() {
  const now = today();
  const [days, setDays] = useState({ from: `${now.slice(0, 8)}01`, to: now });
  const isRight = days.from && days.to && days.from <= days.to;
  return html`<section><h2>${t("reports.period")}</h2><p class="quiet">${t("reports.period_text")}</p>
    <div class="toolbar"><${Period} from=${days.from} to=${days.to} onChange=${(/** @type {any} */ changes) => setDays({ ...days, ...changes })} />
      ${isRight ? html`${["csv", "xlsx"].map((kind) => html`<a role="button" class="secondary" href=${api.addressOf(`/reports/period.${kind}`, days)} download><${Icon} name="download" size=${18} />${kind.toUpperCase()}</a>`)}`
        : html`<p class="period-wrong" role="alert">${t("reports.period_wrong")}</p>`}</div></section>`;
}
