// @ts-check
// The devices at a course's doors, and ending one from afar.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { useGet } from "../../loading.js";
import { ago, dayAndClock } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Shown } from "../page.js";
import { Table } from "../table.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{course: Api.Course & {id: number}}} props */
export function Kiosks({ course }) {
  const kiosks = useGet(`/courses/${course.id}/kiosks`);
  /** @param {Api.Kiosk} kiosk */
  const end = async (kiosk) => {
    if (!(await confirm({ title: t("kiosk.end_title", { name: kiosk.name }), text: html`<p>${t("kiosk.end_text")}</p>`, action: t("kiosk.end"), danger: true }))) return;
    try {
      await api.remove(`/kiosks/${kiosk.id}`);
      toast(t("kiosk.end_done", { name: kiosk.name }));
    } catch (problem) {
      toastProblem(problem);
    }
    await kiosks.reload();
  };
  return html`<section><h2>${t("kiosk.kiosks")}</h2>
    <p class="measure">${t("kiosk.kiosks_text")}</p>
    <${Shown} from=${kiosks} rows=${1}>${(/** @type {Api.Kiosk[]} */ data) => data.length > 0 && html`<${Table} label=${t("kiosk.kiosks")} rows=${data} rowClass=${() => "compact"} columns=${[
      { key: "name", title: t("kiosk.name"), head: true, show: (/** @type {Api.Kiosk} */ each) => each.name },
      { key: "used", title: t("kiosk.last_used"), className: "side", show: (/** @type {Api.Kiosk} */ each) => html`<span class="quiet">${each.last_used_at ? ago(each.last_used_at, course.timezone) : t("kiosk.never_used")}</span>` },
      { key: "until", title: t("kiosk.until"), className: "wide", show: (/** @type {Api.Kiosk} */ each) => html`<span class="quiet">${dayAndClock(each.expires_at, course.timezone)}</span>` },
      { key: "acts", title: "", end: true, className: "row", show: (/** @type {Api.Kiosk} */ each) => html`<button type="button" class="link" onClick=${() => end(each)}>${t("kiosk.end")}</button>` },
    ]} />`}</${Shown}>
    <p class="below-list"><a role="button" class="secondary" href="#/kiosk">${t("kiosk.this_device")}</a></p></section>`;
}
