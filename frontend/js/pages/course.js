// @ts-check
// A course: its frame and its parts, of which one is open.
import { html } from "../lib.js";
import * as api from "../api.js";
import { useLoaded } from "../loading.js";
import { query } from "../router.js";
import { isAdmin, isStaff, me } from "../state.js";
import { day } from "../times.js";
import { t } from "../texts.js";
import { Page, ProblemNote, Skeleton, Tabs } from "../components/page.js";
import { toastProblem } from "../components/toast.js";
import { Roster } from "../components/course/roster.js";
import { Schedule } from "../components/course/schedule.js";
import { Sessions } from "../components/course/sessions.js";
import { Settings } from "../components/course/settings.js";
import { Staff } from "../components/course/staff.js";
import { Warnings } from "../components/course/warnings.js";

/** @type {Record<string, any>} */
const PARTS = { roster: Roster, sessions: Sessions, schedule: Schedule, warnings: Warnings, staff: Staff, settings: Settings };

/** @param {{id: string}} props */
export default function CoursePage({ id }) {
  const loaded = useLoaded(async (signal) => {
    const [course, staff] = await Promise.all([api.get(`/courses/${id}`, undefined, { signal }), api.get(`/courses/${id}/staff`, undefined, { signal })]);
    return { course: /** @type {Api.Course} */ (course), staff: /** @type {Api.Staff[]} */ (staff) };
  }, [id]);
  if (!loaded.data) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} rows=${6} />`}</main>`;
  const { course, staff } = loaded.data;
  const mine = isStaff.value ? staff.find((each) => each.user_id === me.value?.id) : undefined;
  const isLead = isAdmin.value || Boolean(mine?.is_lead);
  const mayEnrol = isLead || Boolean(mine?.may_enrol);
  const names = Object.keys(PARTS).filter((name) => name !== "settings" || isLead);
  const tab = names.find((name) => name === query.value.get("tab")) ?? "roster";
  return html`<${Page} title=${`${course.code} · ${course.title}`} lead=${`${course.term} · ${course.timezone}`} back=${{ href: "#/courses", text: t("courses.title") }}
    actions=${html`<a role="button" class="secondary" href=${`#/reports/courses/${id}`}>${t("report.report")}</a>`}>
    ${course.archived_at && html`<${Archived} course=${course} isLead=${isLead} changed=${loaded.reload} />`}
    <${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />
    <${Tabs} label=${t("course.parts")} items=${names.map((name) => ({ href: `#/courses/${id}?tab=${name}`, text: t(`course.${name}`), current: name === tab }))} />
    <${PARTS[tab]} key=${tab} course=${course} staff=${staff} isLead=${isLead} mayEnrol=${mayEnrol} changed=${loaded.reload} />
  </${Page}>`;
}

/** @param {{course: Api.Course, isLead: boolean, changed: () => unknown}} props */
function Archived({ course, isLead, changed }) {
  const restore = async () => {
    try {
      await api.remove(`/courses/${course.id}/archive`);
      await changed();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return html`<div class="note spread"><p>${t("course.archived", { day: day(course.archived_at, course.timezone) })}</p>
    ${isLead && html`<button type="button" class="secondary small" onClick=${restore}>${t("course.restore")}</button>`}</div>`;
}
