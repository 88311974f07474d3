// @ts-check
// The courses of a student, and how much of each they attended.
import { html } from "../../lib.js";
import { isThere } from "../../routes.js";
import { t } from "../../texts.js";
import { Percent } from "../marks.js";
import { Table } from "../table.js";

/** @param {{report: Api.StudentReport}} props */
export function Courses({ report }) {
  const link = isThere("/reports/students/:id") && report.courses.length > 0
    && html`<a role="button" class="secondary" href=${`#/reports/students/${report.student.id}`}>${t("student.to_report")}</a>`;
  return html`<section><div class="spread head"><h2>${t("student.courses")}</h2>${link}</div>
    ${report.courses.length === 0
      ? html`<p class="quiet">${t("student.no_course")}</p>`
      : html`<${Table} label=${t("student.courses")} rows=${report.courses} columns=${COLUMNS} rowKey=${(/** @type {Api.CourseOfStudent} */ row) => row.course.id} rowClass=${() => "compact"} />`}
  </section>`;
}

const COLUMNS = [
  { key: "course", title: t("student.course"), head: true, show: (/** @type {Api.CourseOfStudent} */ row) => html`<a href=${`#/courses/${row.course.id}`}>${row.course.code} · ${row.course.title}</a>` },
  { key: "term", title: t("courses.term"), className: "side", show: (/** @type {Api.CourseOfStudent} */ row) => html`<span class="quiet">${row.course.term}</span>` },
  { key: "percent", title: t("student.attended"), className: "below", show: (/** @type {Api.CourseOfStudent} */ row) => html`<${Percent} value=${row.percent} minimum=${row.course.min_percent} />
    ${row.at_risk && html` <span class="badge warn"><span aria-hidden="true">?</span>${t("student.at_risk")}</span>`}` },
];
