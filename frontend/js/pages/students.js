// @ts-check
// The students somebody may see: found by name or id, by what their face still needs, by status.
import { html, useState } from "../lib.js";
import { usePages } from "../loading.js";
import { query, setQuery } from "../router.js";
import { isAdmin, isStaff } from "../state.js";
import { t } from "../texts.js";
import { Group } from "../components/group.js";
import { Icon } from "../components/icon.js";
import { Empty, Page, Shown } from "../components/page.js";
import { SearchField } from "../components/search_field.js";
import { FaceState } from "../components/student/face_state.js";
import { NewStudent } from "../components/student/new_student.js";
import { More, Table } from "../components/table.js";

/** What the filter asks the server for. @type {Record<string, Record<string, boolean>>} */
const FACES = {
  all: {},
  no_consent: { has_consent: false },
  no_photos: { has_consent: true, has_face_images: false },
  ready: { has_consent: true, has_face_images: true },
};

export default function Students() {
  const search = query.value.get("q") ?? "";
  const face = query.value.get("face") ?? "all";
  const status = query.value.get("status") ?? "";
  const students = usePages("/students", { q: search.trim(), status, ...FACES[face], limit: 100 });
  const [adding, setAdding] = useState(false);
  const isFiltered = Boolean(search.trim() || status || face !== "all");
  const isBare = students.data?.items.length === 0 && !isFiltered;
  const add = isStaff.value && html`<button type="button" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("students.add")}</button>`;

  return html`<${Page} title=${t("students.title")} actions=${!isBare && add}>
    ${!isBare && html`<div class="toolbar">
      <${SearchField} label=${t("students.search")} value=${search} onSearch=${(/** @type {string} */ text) => setQuery({ q: text })} />
      <label class="order">${t("students.status")} <select value=${status} onChange=${(/** @type {any} */ event) => setQuery({ status: event.target.value })}>
        ${["", "active", "inactive", ...(isAdmin.value ? ["erased"] : [])].map((each) => html`<option value=${each} selected=${each === status}>${t(`students.status_${each || "all"}`)}</option>`)}</select></label>
    </div>
    <${Group} className="filters below" label=${t("students.filter")}>${Object.keys(FACES).map((each) => html`<button type="button" class="secondary small"
      aria-pressed=${face === each} onClick=${() => setQuery({ face: each === "all" ? null : each })}>${t(`students.face_${each}`)}</button>`)}</${Group}>`}
    <${Shown} from=${students} rows=${8}>${(/** @type {Api.StudentPage} */ data) => data.items.length > 0
      ? html`<${Table} label=${t("students.title")} rows=${data.items} columns=${COLUMNS}
          rowClass=${(/** @type {Api.Student} */ student) => `compact ${student.status === "active" ? "" : "faded"}`} /><${More} pages=${students} />`
      : isFiltered
        ? html`<${Empty} title=${t("students.none_found")} text=${t("students.none_found_text")}
            action=${html`<button type="button" class="secondary" onClick=${() => setQuery({ q: null, face: null, status: null })}>${t("students.show_all")}</button>`} />`
        : html`<${Empty} title=${t("students.none_title")} text=${t(isStaff.value ? "students.none_text" : "students.none_viewer")}
            action=${isStaff.value && html`<a role="button" href="#/courses">${t("today.to_courses")}</a>
              <button type="button" class="secondary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("students.add")}</button>`} />`}</${Shown}>
    ${adding && html`<${NewStudent} onClose=${() => setAdding(false)} />`}
  </${Page}>`;
}

const COLUMNS = [
  { key: "name", title: t("students.name"), head: true, show: (/** @type {Api.Student} */ student) => student.status === "erased"
    ? html`<a href=${`#/students/${student.id}`}>${t("students.erased")}</a>` : html`<a href=${`#/students/${student.id}`}>${student.name}</a>` },
  { key: "face", title: t("students.face"), className: "side", show: (/** @type {Api.Student} */ student) => (student.status === "erased" ? "" : html`<${FaceState} student=${student} />`) },
  { key: "external_id", title: t("students.id"), className: "below", show: (/** @type {Api.Student} */ student) => html`<span class="quiet">${student.external_id}${
    student.status === "inactive" && ` · ${t("roster.inactive")}`}</span>` },
  { key: "email", title: t("students.email"), className: "wide", show: (/** @type {Api.Student} */ student) => html`<span class="quiet">${student.email ?? ""}</span>` },
];
