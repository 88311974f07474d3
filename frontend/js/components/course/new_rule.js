// @ts-check
// Making a rule: which days of the week, from when to when, and what that gives.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { calendarDay, today } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { toast } from "../toast.js";
import { DayList } from "./day_list.js";
import { daysOf, rruleOf, WEEKDAYS } from "./recurrence.js";

const MOST_SESSIONS = 400;

/** @param {{course: Api.Course, made: () => unknown, onClose: () => void}} props */
export function NewRule({ course, made, onClose }) {
  const zone = course.timezone ?? "UTC";
  const [weekdays, setWeekdays] = useState(/** @type {string[]} */ ([]));
  const [interval, setInterval] = useState(1);
  const [first, setFirst] = useState(today(zone));
  const [last, setLast] = useState("");
  const [excluded, setExcluded] = useState(/** @type {string[]} */ ([]));
  const days = weekdays.length > 0 && first && last ? daysOf({ weekdays, interval }, first, last) : [];
  const given = days.filter((each) => !excluded.includes(each));

  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    refuse(values, weekdays, given.length);
    const [from, to] = [values.start_time, values.ends_at].map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5)));
    const rule = await api.post(`/courses/${course.id}/schedule`, { rrule: rruleOf({ weekdays, interval }), starts_on: first, ends_on: last, start_time: values.start_time.slice(0, 5),
      duration_s: (to - from) * 60, late_after_s: values.late_after === null ? null : values.late_after * 60, excluded: excluded.filter((each) => days.includes(each)) });
    onClose();
    await made();
    toast(t("rule.made", { n: rule.sessions_made }));
  };

  return html`<${Dialog} title=${t("schedule.add")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${given.length ? t("rule.make", { n: given.length }) : t("rule.make_none")}>
      <fieldset class="weekdays"><legend>${t("rule.weekdays")}</legend>${WEEKDAYS.map((each) => html`<label><input type="checkbox" checked=${weekdays.includes(each)}
        onChange=${(/** @type {any} */ event) => setWeekdays(WEEKDAYS.filter((one) => (one === each ? event.target.checked : weekdays.includes(one))))} /><span>${t(`weekday.${each}`)}</span></label>`)}</fieldset>
      <div class="fields three">
        <${Field} label=${t("session.start")} name="start_time" type="time" required defaultValue="09:00" />
        <${Field} label=${t("session.end")} name="ends_at" type="time" required defaultValue="10:30" />
        <${Field} as="select" label=${t("rule.interval")} name="interval" onChange=${(/** @type {any} */ event) => setInterval(Number(event.target.value))}>
          ${[1, 2, 3, 4].map((n) => html`<option value=${n}>${t("rule.every", { n })}</option>`)}</${Field}>
      </div>
      <div class="fields">
        <${Field} label=${t("rule.first")} name="starts_on" type="date" required value=${first} onInput=${(/** @type {any} */ event) => setFirst(event.target.value)} />
        <${Field} label=${t("rule.last")} name="ends_on" type="date" required value=${last} onInput=${(/** @type {any} */ event) => setLast(event.target.value)} />
      </div>
      <${DayList} legend=${t("rule.excluded")} days=${excluded} change=${setExcluded} possible=${days.length ? days : null} />
      <${Field} label=${t("rule.late_after")} name="late_after" type="number" min="0" max="1440" hint=${t("rule.late_after_hint", { n: Math.round((course.late_after_s ?? 0) / 60), zone })} />
      <p class="note small" role="status">${given.length
        ? t("rule.gives", { n: given.length, first: calendarDay(given[0]), last: calendarDay(given[given.length - 1]) })
        : t(weekdays.length && first && last ? "rule.gives_none" : "rule.gives_unknown")}</p>
    </${Form}>
  </${Dialog}>`;
}

/** Throws Problem for what the server could only say in its own names of fields.
 * @param {Record<string, any>} values @param {string[]} weekdays @param {number} count of sessions */
function refuse(values, weekdays, count) {
  /** @param {string} field @param {string} message */
  const wrong = (field, message) => new api.Problem(422, "rule", message, { errors: [{ field, message }] });
  if (weekdays.length === 0) throw wrong("", t("rule.no_weekday"));
  if (values.ends_at <= values.start_time) throw wrong("ends_at", t("session.end_early"));
  if (values.ends_on < values.starts_on) throw wrong("ends_on", t("rule.last_early"));
  if (count === 0) throw wrong("", t("rule.gives_none"));
  if (count > MOST_SESSIONS) throw wrong("ends_on", t("rule.too_many", { n: MOST_SESSIONS }));
}
