// @ts-check
// The courses somebody may see, and making another one.
import { html, useState } from "../lib.js";
import * as api from "../api.js";
import { usePages } from "../loading.js";
import { go, query } from "../router.js";
import { isStaff, me } from "../state.js";
import { ownZone, zonesWith } from "../times.js";
import { t } from "../texts.js";
import { Dialog } from "../components/dialog.js";
import { Field, Form } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { Empty, Page, Shown, Skeleton } from "../components/page.js";
import { More } from "../components/table.js";

export default function Courses() {
  const isArchive = query.value.get("archived") === "yes";
  const courses = usePages("/courses", { archived: isArchive });
  const [making, setMaking] = useState(false);
  const isEmpty = courses.data?.items.length === 0;
  const mayMake = isStaff.value && me.value?.may_create_courses;
  const make = mayMake && !isArchive && html`<button type="button" onClick=${() => setMaking(true)}><${Icon} name="plus" />${t("courses.new")}</button>`;
  return html`<${Page} title=${t(isArchive ? "courses.archive" : "courses.title")} back=${isArchive && { href: "#/courses", text: t("courses.title") }} actions=${!isEmpty && make}>
    <${Shown} from=${courses} skeleton=${html`<${Skeleton} rows=${3} height="5rem" />`}>${(/** @type {{items: Api.Course[]}} */ data) => data.items.length === 0
      ? isArchive ? html`<${Empty} title=${t("courses.none_archived")} />` : html`<${Empty} title=${t("courses.none_title")} text=${t(mayMake ? "courses.none_text" : "courses.none_viewer")} action=${make} />`
      : html`<div class="cards">${data.items.map((course) => html`<a class="card plain course" href=${`#/courses/${course.id}`} key=${course.id}>
          <strong>${course.code}</strong><span>${course.title}</span><span class="quiet small">${course.term}</span></a>`)}</div>
        <${More} pages=${courses} />`}</${Shown}>
    ${!isArchive && courses.data && html`<p class="subject"><a href="#/courses?archived=yes">${t("courses.archive")}</a></p>`}
    ${making && html`<${NewCourse} onClose=${() => setMaking(false)} />`}
  </${Page}>`;
}

/** @param {{onClose: () => void}} props */
function NewCourse({ onClose }) {
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    const { late_minutes: minutes, ...fields } = values;
    const made = await api.post("/courses", { ...fields, late_after_s: Number(minutes) * 60 });
    onClose();
    go(`/courses/${made.id}`);
  };
  return html`<${Dialog} title=${t("courses.new")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("courses.make")}>
      <div class="fields"><${Field} label=${t("courses.code")} name="code" required maxlength="50" hint=${t("courses.code_hint")} />
        <${Field} label=${t("courses.term")} name="term" required maxlength="50" hint=${t("courses.term_hint")} /></div>
      <${Field} label=${t("courses.name")} name="title" required maxlength="200" />
      <${Field} as="select" label=${t("courses.timezone")} name="timezone">
        ${zonesWith(ownZone()).map((zone) => html`<option value=${zone} selected=${zone === ownZone()}>${zone}</option>`)}</${Field}>
      <div class="fields"><${Field} label=${t("courses.late_after")} name="late_minutes" type="number" min="0" max="600" required defaultValue="10" />
        <${Field} label=${t("courses.minimum")} name="min_percent" type="number" min="0" max="100" required defaultValue="75" /></div>
    </${Form}>
  </${Dialog}>`;
}
