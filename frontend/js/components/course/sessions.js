// @ts-check
// When a course meets and met: one row a session, those to come and those that were.
import { html, useMemo, useState } from "../../lib.js";
import { usePages } from "../../loading.js";
import { query, setQuery } from "../../router.js";
import { isStaff } from "../../state.js";
import { day, momentOf, span, today } from "../../times.js";
import { t } from "../../texts.js";
import { Group } from "../group.js";
import { Icon } from "../icon.js";
import { SessionState } from "../marks.js";
import { Empty, Shown } from "../page.js";
import { More, Table } from "../table.js";
import { ChangeSign } from "./change_sign.js";
import { NewSession } from "./new_session.js";
import { SessionDialog } from "./session_dialog.js";

const PERIODS = ["coming", "past"];

/** @param {{course: Api.Course, isLead: boolean}} props */
export function Sessions({ course, isLead }) {
  const zone = course.timezone ?? "UTC";
  const period = query.value.get("when") === "past" ? "past" : "coming";
  // what is over today stays with today's, where it is looked for
  const midnight = useMemo(() => momentOf(today(zone), "00:00", zone), [zone]);
  const sessions = usePages("/sessions", { course_id: course.id, ...(period === "past" ? { to: midnight, descending: true } : { from: midnight }) });
  const [adding, setAdding] = useState(false);
  const [changing, setChanging] = useState(/** @type {Api.Session | null} */ (null));
  const mayAdd = isStaff.value && !course.archived_at;
  const add = mayAdd && html`<button type="button" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("sessions.add")}</button>`;
  const isEmpty = sessions.data?.items.length === 0;
  return html`
    <div class="toolbar spread">
      <${Group} className="filters" label=${t("sessions.filter")}>${PERIODS.map((each) => html`<button type="button" class="secondary small"
        aria-pressed=${period === each} onClick=${() => setQuery({ when: each === "coming" ? null : each })}>${t(`sessions.${each}`)}</button>`)}</${Group}>
      ${!(isEmpty && period === "coming") && add}
    </div>
    <${Shown} from=${sessions} rows=${8}>${(/** @type {Api.SessionPage} */ data) => data.items.length > 0
      ? html`<${Table} label=${t("course.sessions")} rows=${data.items} rowClass=${(/** @type {Api.Session} */ each) => `compact ${each.state === "cancelled" ? "faded" : ""}`}
          columns=${columns(isLead, setChanging)} /><${More} pages=${sessions} />`
      : period === "past"
        ? html`<${Empty} title=${t("sessions.none_past")} text=${t("sessions.none_past_text")} />`
        : html`<${Empty} title=${t("sessions.none_coming")} text=${t(isLead ? "sessions.none_text" : "sessions.none_viewer")}
            action=${isLead && !course.archived_at && html`<a role="button" href=${`#/courses/${course.id}?tab=schedule`}>${t("sessions.to_schedule")}</a>
              <button type="button" class="secondary" onClick=${() => setAdding(true)}>${t("sessions.add")}</button>`} />`}</${Shown}>
    ${adding && html`<${NewSession} course=${course} added=${sessions.reload} onClose=${() => setAdding(false)} />`}
    ${changing && html`<${SessionDialog} session=${changing} isLead=${isLead} changed=${sessions.reload} onClose=${() => setChanging(null)} />`}`;
}

/** @param {boolean} isLead @param {(session: Api.Session) => void} change */
function columns(isLead, change) {
  return [
    { key: "day", title: t("sessions.day"), head: true, show: (/** @type {Api.Session} */ each) => html`<a href=${`#/sessions/${each.id}`}>${day(each.starts_at, each.timezone)}</a>
      <span class="quiet number beside">${span(each.starts_at ?? "", each.ends_at ?? "", each.timezone)}</span>` },
    { key: "state", title: t("sessions.state"), className: "side", show: (/** @type {Api.Session} */ each) => html`<${SessionState} state=${each.state} />` },
    { key: "title", title: t("sessions.what"), className: "below", show: (/** @type {Api.Session} */ each) => (each.cancelled_reason
      ? html`<span>${each.title}${each.title && " · "}<span class="quiet small">${each.cancelled_reason}</span></span>` : each.title || null) },
    ...(isStaff.value ? [{ key: "acts", title: "", end: true, className: "last", show: (/** @type {Api.Session} */ each) => mayChange(each, isLead) && html`<button
      type="button" class="link" aria-label=${t("sessions.change_of", { day: day(each.starts_at, each.timezone) })} onClick=${() => change(each)}><${ChangeSign} text=${t("sessions.change")} /></button>` }] : []),
  ];
}

/** @param {Api.Session} session @param {boolean} isLead */
function mayChange(session, isLead) {
  return session.state === "scheduled" || session.state === "open" || (isLead && session.state !== "cancelled");
}
