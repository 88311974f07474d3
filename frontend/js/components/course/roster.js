// @ts-check
// Who is, was and will be enrolled in a course.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { usePages } from "../../loading.js";
import { isThere } from "../../routes.js";
import { calendarDay } from "../../times.js";
import { t } from "../../texts.js";
import { Group } from "../group.js";
import { Icon } from "../icon.js";
import { Empty, ProblemNote, Shown } from "../page.js";
import { More, Table } from "../table.js";
import { SearchField } from "../search_field.js";
import { FaceState } from "../student/face_state.js";
import { AddStudent } from "./add_student.js";
import { ChangeSign } from "./change_sign.js";
import { EnrolmentDialog } from "./enrolment.js";
import { Requests } from "./requests.js";

const STATES = ["", "enrolled", "upcoming", "ended"];

/** @param {{course: Api.Course, mayEnrol: boolean}} props */
export function Roster({ course, mayEnrol }) {
  const [search, setSearch] = useState("");
  const [state, setState] = useState("");
  const roster = usePages(`/courses/${course.id}/roster`, { q: search.trim(), state, limit: 100 });
  const requests = usePages("/enrolment-requests", { course_id: course.id, limit: 100 });
  const reload = () => Promise.all([roster.reload(), requests.reload()]);
  const [adding, setAdding] = useState(false);
  const [changing, setChanging] = useState(/** @type {Api.RosterEntry | null} */ (null));
  const isFiltered = Boolean(search.trim() || state);
  const isBare = roster.data?.items.length === 0 && !isFiltered;
  const add = mayEnrol && html`<button type="button" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("roster.add")}</button>`;
  const importing = mayEnrol && html`<a role="button" class="secondary" href=${`#/courses/${course.id}/import`}><${Icon} name="upload" />${t("roster.import")}</a>`;

  return html`
    ${requests.data && requests.data.items.length > 0 && html`<${Requests} course=${course} pages=${requests} mayEnrol=${mayEnrol} changed=${reload} />`}
    <${ProblemNote} problem=${requests.problem} retry=${requests.reload} />
    ${!isBare && html`<div class="toolbar spread">
      <${SearchField} label=${t("roster.search")} value=${search} onSearch=${setSearch} />
      <div class="actions">${add}${importing}
        <a role="button" class="secondary not-on-phone" href=${api.addressOf(`/courses/${course.id}/roster.csv`)} download><${Icon} name="download" />CSV</a></div>
    </div>
    <${Group} className="filters below" label=${t("roster.filter")}>${STATES.map((each) => html`<button type="button" class="secondary small"
      aria-pressed=${state === each} onClick=${() => setState(each)}>${t(`roster.state_${each || "all"}`)}</button>`)}</${Group}>`}
    <${Shown} from=${roster} rows=${8}>${(/** @type {Api.RosterEntryPage} */ data) => data.items.length > 0
      ? html`<${Table} label=${t("course.roster")} rows=${data.items} rowKey=${(/** @type {Api.RosterEntry} */ entry) => entry.enrolment.id}
          rowClass=${(/** @type {Api.RosterEntry} */ entry) => `compact ${entry.state === "ended" ? "faded" : ""}`} columns=${columns(mayEnrol, setChanging)} />
          <${More} pages=${roster} />`
      : isFiltered
        ? html`<${Empty} title=${t("roster.none_found")} text=${t("roster.none_found_text")}
            action=${html`<button type="button" class="secondary" onClick=${() => { setSearch(""); setState(""); }}>${t("roster.show_all")}</button>`} />`
        : html`<${Empty} title=${t("roster.nobody_title")} text=${t(mayEnrol ? "roster.nobody_text" : "roster.nobody_viewer")}
            action=${mayEnrol && html`<a role="button" href=${`#/courses/${course.id}/import`}><${Icon} name="upload" />${t("roster.import")}</a>
              <button type="button" class="secondary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("roster.add")}</button>`} />`}</${Shown}>
    ${adding && html`<${AddStudent} course=${course} added=${reload} onClose=${() => setAdding(false)} />`}
    ${changing && html`<${EnrolmentDialog} entry=${changing} course=${course} changed=${roster.reload} onClose=${() => setChanging(null)} />`}`;
}

/** @param {boolean} mayEnrol @param {(entry: Api.RosterEntry) => void} change */
function columns(mayEnrol, change) {
  return [
    { key: "name", title: t("roster.student"), head: true, show: (/** @type {Api.RosterEntry} */ entry) => html`<${Student} student=${entry.student} />` },
    { key: "face", title: t("roster.face"), className: "side", show: (/** @type {Api.RosterEntry} */ entry) => html`<${FaceState} student=${entry.student} />` },
    { key: "days", title: t("roster.enrolled"), className: "below", show: (/** @type {Api.RosterEntry} */ entry) => html`<span class="quiet"><span class="on-phone">${entry.student.external_id} · </span>${daysOf(entry)}</span>` },
    ...(mayEnrol ? [{ key: "acts", title: "", end: true, className: "last", show: (/** @type {Api.RosterEntry} */ entry) => html`<button type="button" class="link"
      aria-label=${t("roster.change_of", { name: entry.student.name })} onClick=${() => change(entry)}><${ChangeSign} text=${t("roster.change")} /></button>` }] : []),
  ];
}

/** @param {{student: Api.Student}} props */
function Student({ student }) {
  const name = isThere("/students/:id") ? html`<a href=${`#/students/${student.id}`}>${student.name}</a>` : student.name;
  return html`${name}<span class="quiet small under not-on-phone">${student.external_id}${student.status === "inactive" && ` · ${t("roster.inactive")}`}</span>`;
}

/** @param {Api.RosterEntry} entry */
function daysOf({ enrolment, state }) {
  const from = calendarDay(enrolment.starts_on), to = calendarDay(enrolment.ends_on);
  if (state === "upcoming") return to ? t("roster.from_to", { from, to }) : t("roster.from", { from });
  if (state === "ended") return t("roster.ended", { to });
  return to ? t("roster.since_to", { from, to }) : t("roster.since", { from });
}
