// @ts-check
// What a course is called, on which clock it runs, how its attendance counts; putting it away.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { go } from "../../router.js";
import { zonesWith } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Field, Form } from "../form.js";
import { toast, toastProblem } from "../toast.js";

const EXCUSED = ["left_out", "as_present", "as_absent"];

/** @param {{course: Api.Course, changed: () => Promise<void>}} props */
export function Settings({ course, changed }) {
  /** @param {Record<string, any>} values */
  const save = async (values) => {
    const { late_minutes: minutes, late_percent: weight, ...fields } = values;
    try {
      await api.patch(`/courses/${course.id}`, { ...fields, late_after_s: minutes * 60, late_weight: weight / 100 }, { version: course.version });
    } catch (problem) {
      if (!(problem instanceof api.Problem) || problem.status !== 412) throw problem;
      await changed();
      toast(t("settings.conflict"), { seconds: 10 });
      return;
    }
    await changed();
    toast(t("settings.saved"));
  };
  // drawn anew for another version, so that the fields show what is saved
  return html`
    <section class="measure" key=${course.version}>
      <${Form} onSubmit=${save} submit=${t("settings.save")}>
        <div class="fields"><${Field} label=${t("courses.code")} name="code" required maxlength="40" defaultValue=${course.code} />
          <${Field} label=${t("courses.term")} name="term" required maxlength="40" defaultValue=${course.term} /></div>
        <${Field} label=${t("courses.name")} name="title" required maxlength="200" defaultValue=${course.title} />
        <${Field} as="select" label=${t("courses.timezone")} name="timezone" hint=${t("settings.timezone_hint")}>
          ${zonesWith(course.timezone ?? "UTC").map((zone) => html`<option value=${zone} selected=${zone === course.timezone}>${zone}</option>`)}</${Field}>
        <div class="fields">
          <${Field} label=${t("courses.late_after")} name="late_minutes" type="number" min="0" max="1440" required defaultValue=${Math.round((course.late_after_s ?? 0) / 60)} hint=${t("settings.late_hint")} />
          <${Field} label=${t("courses.minimum")} name="min_percent" type="number" min="0" max="100" step="any" required defaultValue=${course.min_percent} hint=${t("settings.minimum_hint")} />
        </div>
        <div class="fields">
          <${Field} as="select" label=${t("settings.excused")} name="excused_counts">
            ${EXCUSED.map((each) => html`<option value=${each} selected=${each === course.excused_counts}>${t(`settings.excused_${each}`)}</option>`)}</${Field}>
          <${Field} label=${t("settings.late_weight")} name="late_percent" type="number" min="0" max="100" step="any" required defaultValue=${Math.round((course.late_weight ?? 1) * 1000) / 10} hint=${t("settings.late_weight_hint")} />
        </div>
      </${Form}>
    </section>
    ${!course.archived_at && html`<${Archive} course=${course} changed=${changed} />`}`;
}

/** @param {{course: Api.Course, changed: () => Promise<void>}} props */
function Archive({ course, changed }) {
  const archive = async () => {
    const code = course.code ?? "";
    if (!await confirm({ title: t("settings.archive_title", { code }), text: html`<p>${t("settings.archive_text")}</p>`, action: t("settings.archive"), danger: true, typed: code })) return;
    try {
      await api.post(`/courses/${course.id}/archive`);
    } catch (problem) {
      toastProblem(problem);
      return;
    }
    go("/courses");
    toast(t("settings.archived", { code }), { undo: restore });
  };
  const restore = async () => {
    try {
      await api.remove(`/courses/${course.id}/archive`);
      go(`/courses/${course.id}`);
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  return html`<section class="measure"><h2>${t("settings.archive_heading")}</h2><p class="quiet">${t("settings.archive_text")}</p>
    <p><button type="button" class="secondary danger" onClick=${archive}>${t("settings.archive")}</button></p></section>`;
}
