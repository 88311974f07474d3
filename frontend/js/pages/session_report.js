// @ts-check
// A session: how many were expected, how many came, and when.
import { html } from "../lib.js";
import { useEvery, useGet } from "../loading.js";
import { clock, percent } from "../times.js";
import { t } from "../texts.js";
import { SessionState } from "../components/marks.js";
import { Empty, Page, ProblemNote, Skeleton } from "../components/page.js";
import { whenOf } from "../components/session_title.js";
import { Table } from "../components/table.js";
import { ArrivalsChart } from "../components/report/arrivals_chart.js";
import { Counts, Figures } from "../components/report/counts.js";
import { ExportMenu } from "../components/report/export_menu.js";

/** @param {{id: string}} props */
export default function SessionReport({ id }) {
  const loaded = useGet(`/reports/sessions/${id}`);
  const found = useGet(`/sessions/${id}`);
  const report = /** @type {Api.SessionReport | undefined} */ (loaded.data), session = /** @type {Api.Session | undefined} */ (found.data);
  useEvery(loaded.reload, report?.session.state === "open" ? 10 : null);
  const problem = loaded.problem ?? found.problem;
  if (!report || !session) return html`<main class="page" id="main"><${ProblemNote} problem=${problem} retry=${() => { loaded.reload(); found.reload(); }} />${!problem && html`<${Skeleton} rows=${8} />`}</main>`;
  return html`<${Page} title=${`${session.course_code} · ${session.course_title}`} lead=${html`${whenOf(session)} <${SessionState} state=${report.session.state} />`}
    back=${{ href: `#/reports/courses/${session.course_id}`, text: t("report.back_to_course") }}
    actions=${html`<a role="button" class="secondary" href=${`#/sessions/${id}`}>${t("report.to_sheet")}</a><${ExportMenu} path=${`/sessions/${id}/sheet`} />`}>
    <${ProblemNote} problem=${problem} retry=${loaded.reload} />
    ${report.expected === 0 ? html`<${Empty} title=${t("sheet.empty_title")} text=${t("sheet.empty_text")} action=${html`<a role="button" href=${`#/courses/${session.course_id}`}>${t("sheet.to_roster")}</a>`} />`
      : html`<${Report} report=${report} session=${session} />`}
  </${Page}>`;
}

/** @param {{report: Api.SessionReport, session: Api.Session}} props */
function Report({ report, session }) {
  const { counts, expected, timeline } = report;
  const zone = session.timezone;
  const came = counts.present + counts.late + counts.left_early;
  const unseen = came - (timeline.at(-1)?.total ?? 0);
  return html`
    <${Figures} items=${[{ value: `${came} / ${expected}`, text: t("report.came") }, { value: percent(report.percent), text: t("report.attendance") },
      ...(report.first_arrival ? [{ value: clock(report.first_arrival, zone), text: t("report.first") }, { value: clock(report.last_arrival, zone), text: t("report.last") }] : [])]} />
    <${Counts} counts=${counts} />
    <${ArrivalsChart} report=${report} session=${session} />
    ${timeline.length === 0 && html`<p class="quiet">${t("report.no_arrivals")}</p>`}
    ${timeline.length > 0 && unseen > 0 && html`<p class="quiet small">${t("report.by_hand", { n: unseen })}</p>`}
    ${timeline.length > 0 && html`<details class="no-print"><summary>${t("report.as_table")}</summary>
      <${Table} label=${t("report.arrivals")} rows=${timeline} rowKey=${(/** @type {Api.Minute} */ line) => line.minute} columns=${[
        { key: "minute", title: t("report.minute"), head: true, show: (/** @type {Api.Minute} */ line) => clock(line.minute, zone) },
        { key: "arrivals", title: t("report.arrived"), end: true }, { key: "total", title: t("report.by_then"), end: true }]} /></details>`}`;
}
