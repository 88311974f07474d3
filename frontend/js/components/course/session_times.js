// @ts-check
// The fields of when a session is, on the clock of its course.
import { html } from "../../lib.js";
import { Problem } from "../../api.js";
import { momentOf } from "../../times.js";
import { t } from "../../texts.js";
import { Field } from "../form.js";

/** @typedef {{title: string, date: string, start: string, end: string, late: number | string}} Times late: minutes after the start */

/** @param {{times: Times, zone: string, fixedStart?: boolean}} props fixedStart: a session that is open keeps its start */
export function SessionTimes({ times, zone, fixedStart }) {
  return html`
    <${Field} label=${t("session.title")} name="title" maxlength="200" autocomplete="off" defaultValue=${times.title} hint=${t("session.title_hint")} />
    <div class="fields three">
      <${Field} label=${t("session.day")} name="date" type="date" required disabled=${fixedStart} defaultValue=${times.date} />
      <${Field} label=${t("session.start")} name="starts_at" type="time" required disabled=${fixedStart} defaultValue=${times.start} />
      <${Field} label=${t("session.end")} name="ends_at" type="time" required defaultValue=${times.end} />
    </div>
    <${Field} label=${t("session.late_after")} name="late_after" type="number" min="0" max="1440" required defaultValue=${times.late} hint=${t("session.zone", { zone })} />`;
}

/** What the API takes of the fields. Throws Problem when the end is not after the start.
 * @param {Record<string, any>} values @param {string} zone */
export function momentsOf(values, zone) {
  if (values.ends_at <= values.starts_at) {
    throw new Problem(422, "dates", t("session.end_early"), { errors: [{ field: "ends_at", message: t("session.end_early") }] });
  }
  const start = momentOf(values.date, values.starts_at, zone);
  return {
    title: String(values.title).trim(),
    starts_at: start,
    ends_at: momentOf(values.date, values.ends_at, zone),
    late_after: new Date(Date.parse(start) + values.late_after * 60000).toISOString(),
  };
}
