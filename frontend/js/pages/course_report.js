// @ts-check
// A course over the term: who comes, who is slipping, session by session.
import { html, useMemo } from "../lib.js";
import { useGet } from "../loading.js";
import { query, setQuery } from "../router.js";
import { calendarDay, percent } from "../times.js";
import { locale, t } from "../texts.js";
import { Group } from "../components/group.js";
import { Percent, Squares, SquaresKey } from "../components/marks.js";
import { Empty, Page, ProblemNote, Skeleton } from "../components/page.js";
import { Table } from "../components/table.js";
import { Figures } from "../components/report/counts.js";
import { ExportMenu } from "../components/report/export_menu.js";
import { Period } from "../components/report/period.js";
import { TermChart } from "../components/report/term_chart.js";

/** @param {{id: string}} props */
export default function CourseReport({ id }) {
  const from = query.value.get("from") ?? "", to = query.value.get("to") ?? "";
  const loaded = useGet(`/reports/courses/${id}`, { from, to });
  const course = useGet(`/courses/${id}`).data;
  const report = /** @type {Api.CourseReport | undefined} */ (loaded.data);
  const about = report?.course ?? course;
  if (!about) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} rows=${8} />`}</main>`;
  return html`<${Page} title=${`${about.code} · ${about.title}`} lead=${t("report.course_lead", { term: about.term, minimum: percent(about.min_percent) })}
    back=${{ href: "#/reports", text: t("reports.title") }} actions=${html`<a role="button" class="secondary" href=${`#/courses/${id}`}>${t("report.to_course")}</a>
      <${ExportMenu} path=${`/reports/courses/${id}`} query=${{ from, to }} />`}>
    <div class="toolbar no-print"><${Period} from=${from} to=${to} onChange=${setQuery} />
      ${(from || to) && html`<button type="button" class="secondary" onClick=${() => setQuery({ from: null, to: null })}>${t("report.whole_term")}</button>`}</div>
    <${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />
    ${report ? html`<${Report} report=${report} isPart=${Boolean(from || to)} />` : !loaded.problem && html`<${Skeleton} rows=${8} />`}
  </${Page}>`;
}

/** @param {{report: Api.CourseReport, isPart: boolean}} props */
function Report({ report, isPart }) {
  const { sessions, students, course } = report;
  if (sessions.length === 0) {
    return html`<${Empty} title=${t(isPart ? "report.none_between" : "report.none_title")} text=${t("report.none_text")}
      action=${!isPart && html`<a role="button" href=${`#/courses/${course.id}?tab=sessions`}>${t("report.to_sessions")}</a>`} />`;
  }
  const atRisk = students.filter((line) => line.at_risk).length;
  return html`
    <${Figures} items=${[{ value: sessions.length, text: t("report.sessions_counted") }, { value: students.length, text: t("report.students") },
      { value: atRisk, text: t("report.at_risk") }]} />
    <p class="only-print">${calendarDay(sessions[0].day)} – ${calendarDay(sessions[sessions.length - 1].day)}</p>
    <${TermChart} report=${report} />
    <${Students} report=${report} atRisk=${atRisk} />
    <${Sessions} report=${report} />`;
}

/** @param {{report: Api.CourseReport, atRisk: number}} props */
function Students({ report, atRisk }) {
  const { sessions, students, course } = report;
  const isFiltered = query.value.get("show") === "at_risk" && atRisk > 0;
  const order = query.value.get("order") === "name" ? "name" : "attendance";
  const rows = useMemo(() => {
    const found = students.filter((line) => !isFiltered || line.at_risk);
    const byName = (/** @type {Api.StudentLine} */ a, /** @type {Api.StudentLine} */ b) => a.student.name.localeCompare(b.student.name, locale);
    if (order === "name") return found.sort(byName);
    return found.sort((a, b) => Number(b.at_risk) - Number(a.at_risk) || (a.percent ?? 101) - (b.percent ?? 101) || byName(a, b));
  }, [report, isFiltered, order]);
  if (students.length === 0) return html`<${Empty} title=${t("report.nobody")} />`;
  return html`<section class="report-part"><h2>${t("report.students")}</h2>
    <div class="toolbar no-print"><${Group} className="filters" label=${t("report.filter")}>
        <button type="button" class="secondary small" aria-pressed=${!isFiltered} onClick=${() => setQuery({ show: null })}>${t("report.everybody")} <span class="number">${students.length}</span></button>
        <button type="button" class="secondary small" aria-pressed=${isFiltered} disabled=${atRisk === 0} onClick=${() => setQuery({ show: "at_risk" })}>${t("report.at_risk")} <span class="number">${atRisk}</span></button>
      </${Group}>
      <label class="order">${t("sheet.order")} <select value=${order} onChange=${(/** @type {any} */ event) => setQuery({ order: event.target.value === "name" ? "name" : null })}>
        ${["attendance", "name"].map((each) => html`<option value=${each}>${t(`report.order_${each}`)}</option>`)}</select></label></div>
    <${SquaresKey} />
    <${Table} label=${t("report.students")} rows=${rows} rowKey=${(/** @type {Api.StudentLine} */ line) => line.student.id} rowClass=${() => "compact"} columns=${[
      { key: "student", title: t("sheet.student"), head: true, show: (/** @type {Api.StudentLine} */ line) => html`<a href=${`#/reports/students/${line.student.id}`}>${line.student.name}</a>
        ${line.at_risk && html` <span class="badge absent no-print">${t("report.is_at_risk")}</span>`}<span class="quiet small under">${line.student.external_id}</span>` },
      { key: "squares", title: t("report.sessions"), className: "below marks", show: (/** @type {Api.StudentLine} */ line) => html`<${Squares} marks=${line.marks.map((status, index) => ({
        status, title: `${calendarDay(sessions[index].day)}: ${t(status ? `status.${status}` : "report.not_enrolled")}` }))} />` },
      { key: "percent", title: t("report.attendance"), className: "side", show: (/** @type {Api.StudentLine} */ line) => html`<${Percent} value=${line.percent} minimum=${course.min_percent} />${line.at_risk && html`<strong class="only-print"> ${t("report.is_at_risk")}</strong>`}` },
      { key: "late", title: t("report.late"), end: true, className: "wide", show: (/** @type {Api.StudentLine} */ line) => line.counts.late },
      { key: "absent", title: t("report.absent"), end: true, className: "wide", show: (/** @type {Api.StudentLine} */ line) => line.counts.absent },
    ]} /></section>`;
}

/** @param {{report: Api.CourseReport}} props */
function Sessions({ report }) {
  const statuses = /** @type {const} */ (["present", "late", "left_early", "absent", "excused"]);
  return html`<section class="report-part no-print"><h2>${t("report.sessions")}</h2>
    <${Table} label=${t("report.sessions")} rows=${[...report.sessions].reverse()} rowKey=${(/** @type {Api.SessionLine} */ line) => line.session.id} rowClass=${() => "compact"} columns=${[
      { key: "day", title: t("report.day"), head: true, show: (/** @type {Api.SessionLine} */ line) => html`<a href=${`#/reports/sessions/${line.session.id}`}>${calendarDay(line.day)}</a>
        ${line.session.title && html`<span class="quiet small under">${line.session.title}</span>`}` },
      { key: "percent", title: t("report.attendance"), className: "side", show: (/** @type {Api.SessionLine} */ line) => html`<${Percent} value=${line.percent} minimum=${report.course.min_percent} />` },
      ...statuses.map((status) => ({ key: status, title: t(`status.${status}`), end: true, className: "wide", show: (/** @type {Api.SessionLine} */ line) => line.counts[status] })),
    ]} /></section>`;
}
