// @ts-check
// A student in each course: what they came to and what they missed, on one page of paper.
import { html } from "../lib.js";
import { useGet } from "../loading.js";
import { isThere } from "../routes.js";
import { day, percent } from "../times.js";
import { t } from "../texts.js";
import { Percent, Squares, SquaresKey, Status } from "../components/marks.js";
import { Empty, Page, ProblemNote, Skeleton } from "../components/page.js";
import { Counts } from "../components/report/counts.js";
import { ExportMenu } from "../components/report/export_menu.js";

/** @param {{id: string}} props */
export default function StudentReport({ id }) {
  const loaded = useGet(`/reports/students/${id}`);
  const report = /** @type {Api.StudentReport | undefined} */ (loaded.data);
  if (!report) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} rows=${8} />`}</main>`;
  return html`<${Page} title=${report.student.name} lead=${html`${report.student.external_id}<span class="only-print"> · ${day(new Date())}</span>`} back=${{ href: "#/reports", text: t("reports.title") }}
    actions=${html`${isThere("/students/:id") && html`<a role="button" class="secondary" href=${`#/students/${id}`}>${t("report.to_student")}</a>`}<${ExportMenu} />`}>
    <${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />
    ${report.courses.length === 0 && html`<${Empty} title=${t("report.no_courses")} text=${t("report.no_courses_text")} />`}
    ${report.courses.map((line) => html`<${Course} key=${line.course.id} line=${line} />`)}
    ${report.courses.some((line) => line.sessions.length > 0) && html`<${SquaresKey} />`}
  </${Page}>`;
}

/** @param {{line: Api.CourseOfStudent}} props */
function Course({ line }) {
  const { course, sessions } = line;
  const counted = sessions.filter((each) => each.status !== "unmarked");
  return html`<section class="card course-of-student" aria-label=${course.code}>
    <div class="spread"><h2><a href=${`#/reports/courses/${course.id}`}>${course.code} · ${course.title}</a></h2><span class="quiet">${course.term}</span></div>
    ${sessions.length === 0 ? html`<p class="quiet">${t("report.none_title")}</p>` : html`
    <div class="summary"><${Percent} value=${line.percent} minimum=${course.min_percent} />
      <span class="quiet small">${t("report.minimum", { minimum: percent(course.min_percent) })}</span>
      ${line.at_risk && html`<span class="badge absent">${t("report.is_at_risk")}</span>`}</div>
    <${Counts} counts=${line.counts} />
    <${Squares} marks=${sessions.map((each) => ({ status: each.status, title: `${day(each.session.starts_at, course.timezone)}: ${t(`status.${each.status}`)}` }))} />
    <details open=${counted.length <= 12}><summary>${t("report.every_session", { n: sessions.length })}</summary>
      <ul class="session-marks">${sessions.map((each) => html`<li key=${each.session.id}><a href=${`#/sessions/${each.session.id}`}>${day(each.session.starts_at, course.timezone)}</a><${Status} status=${each.status} /></li>`)}</ul></details>`}
  </section>`;
}
