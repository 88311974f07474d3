// @ts-check
// A course: who is in it, and when it meets.
import { html } from "../lib.js";
import { useGet, usePages } from "../loading.js";
import { query } from "../router.js";
import { calendarDay, day, span } from "../times.js";
import { t } from "../texts.js";
import { SessionState } from "../components/marks.js";
import { Empty, Page, ProblemNote, Shown, Skeleton, Tabs } from "../components/page.js";
import { More, Table } from "../components/table.js";

/** @param {{id: string}} props */
export default function CoursePage({ id }) {
  const course = useGet(`/courses/${id}`);
  const found = /** @type {Api.Course | undefined} */ (course.data);
  const tab = query.value.get("tab") ?? "roster";
  if (!found) return html`<main class="page" id="main"><${ProblemNote} problem=${course.problem} retry=${course.reload} />${!course.problem && html`<${Skeleton} rows=${6} />`}</main>`;
  return html`<${Page} title=${`${found.code} · ${found.title}`} lead=${`${found.term} · ${found.timezone}`} back=${{ href: "#/courses", text: t("courses.title") }}>
    <${Tabs} label=${t("course.parts")} items=${["roster", "sessions"].map((each) => ({
      href: `#/courses/${id}?tab=${each}`, text: t(`course.${each}`), current: each === tab }))} />
    ${tab === "sessions" ? html`<${Sessions} id=${id} />` : html`<${Roster} id=${id} />`}
  </${Page}>`;
}

/** @param {{id: string}} props */
function Roster({ id }) {
  const roster = usePages(`/courses/${id}/roster`);
  return html`<${Shown} from=${roster} rows=${8}>${(/** @type {Api.RosterEntryPage} */ data) => data.items.length === 0
    ? html`<${Empty} title=${t("course.nobody_title")} text=${t("course.nobody_text")} />`
    : html`<${Table} label=${t("course.roster")} rows=${data.items} rowKey=${(/** @type {Api.RosterEntry} */ entry) => entry.enrolment.id} columns=${[
        { key: "name", title: t("course.student"), head: true, show: (/** @type {Api.RosterEntry} */ entry) => entry.student.name },
        { key: "id", title: t("course.id"), show: (/** @type {Api.RosterEntry} */ entry) => entry.student.external_id },
        { key: "consent", title: t("course.consent"), show: (/** @type {Api.RosterEntry} */ entry) => html`<span class=${`badge ${entry.student.has_consent ? "good" : ""}`}>${t(entry.student.has_consent ? "course.consents" : "course.no_consent")}</span>` },
        { key: "photos", title: t("course.photos"), end: true, show: (/** @type {Api.RosterEntry} */ entry) => entry.student.face_images },
        { key: "since", title: t("course.enrolled"), show: (/** @type {Api.RosterEntry} */ entry) => `${calendarDay(entry.enrolment.starts_on)}${entry.enrolment.ends_on ? ` – ${calendarDay(entry.enrolment.ends_on)}` : ""}` },
      ]} /><${More} pages=${roster} />`}</${Shown}>`;
}

/** @param {{id: string}} props */
function Sessions({ id }) {
  const sessions = usePages("/sessions", { course_id: id, descending: true });
  return html`<${Shown} from=${sessions} rows=${8}>${(/** @type {Api.SessionPage} */ data) => data.items.length === 0
    ? html`<${Empty} title=${t("course.no_sessions_title")} text=${t("course.no_sessions_text")} />`
    : html`<${Table} label=${t("course.sessions")} rows=${data.items} columns=${[
        { key: "day", title: t("course.day"), head: true, show: (/** @type {Api.Session} */ each) => html`<a href=${`#/sessions/${each.id}`}>${day(each.starts_at, each.timezone)}</a>` },
        { key: "time", title: t("course.time"), show: (/** @type {Api.Session} */ each) => span(each.starts_at ?? "", each.ends_at ?? "", each.timezone) },
        { key: "title", title: t("course.what"), show: (/** @type {Api.Session} */ each) => each.title || "–" },
        { key: "state", title: t("course.state"), show: (/** @type {Api.Session} */ each) => html`<${SessionState} state=${each.state} />` },
      ]} /><${More} pages=${sessions} />`}</${Shown}>`;
}
