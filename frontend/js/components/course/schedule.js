// @ts-check
// By which rules a course meets, what each makes, and calendars that follow.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { getAll, useLoaded } from "../../loading.js";
import { calendarDay } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Icon } from "../icon.js";
import { Empty, Shown } from "../page.js";
import { toast, toastProblem } from "../toast.js";
import { Calendar } from "./calendar.js";
import { ExcludedDays } from "./excluded_days.js";
import { NewRule } from "./new_rule.js";
import { inWords, later } from "./recurrence.js";

/** @param {{course: Api.Course, isLead: boolean}} props */
export function Schedule({ course, isLead }) {
  const loaded = useLoaded(async (signal) => {
    const [rules, sessions] = await Promise.all([api.get(`/courses/${course.id}/schedule`, undefined, { signal }), getAll("/sessions", { course_id: course.id }, signal)]);
    return { rules: /** @type {Api.Rule[]} */ (rules), sessions: /** @type {Api.Session[]} */ (sessions) };
  }, [course.id]);
  const [making, setMaking] = useState(false);
  const [excluding, setExcluding] = useState(/** @type {Api.Rule | null} */ (null));
  const mayAdd = isLead && !course.archived_at;
  const add = mayAdd && html`<button type="button" onClick=${() => setMaking(true)}><${Icon} name="plus" />${t("schedule.add")}</button>`;
  const isEmpty = loaded.data?.rules.length === 0;
  return html`
    <section>
      <div class="spread head"><h2>${t("schedule.title")}</h2>${!isEmpty && add}</div>
      <${Shown} from=${loaded} rows=${4}>${(/** @type {{rules: Api.Rule[], sessions: Api.Session[]}} */ { rules, sessions }) => isEmpty
        ? html`<${Empty} title=${t("schedule.none_title")} text=${t(isLead ? "schedule.none_text" : "schedule.none_viewer")} action=${add} />`
        : html`<ul class="rules">${rules.map((rule) => html`<${RuleCard} key=${rule.id} rule=${rule} sessions=${sessions.filter((each) => each.schedule_rule_id === rule.id)}
            isLead=${isLead} exclude=${() => setExcluding(rule)} changed=${loaded.reload} />`)}</ul>`}</${Shown}>
    </section>
    <${Calendar} course=${course} />
    ${making && html`<${NewRule} course=${course} made=${loaded.reload} onClose=${() => setMaking(false)} />`}
    ${excluding && html`<${ExcludedDays} rule=${excluding} changed=${loaded.reload} onClose=${() => setExcluding(null)} />`}`;
}

/** Sessions that nobody touched go with their rule. @param {Api.Session[]} sessions */
function untouched(sessions) {
  const now = Date.now();
  return sessions.filter((each) => each.state === "scheduled" && each.version === 1 && Date.parse(each.starts_at ?? "") > now).length;
}

/** @param {{rule: Api.Rule, sessions: Api.Session[], isLead: boolean, exclude: () => void, changed: () => unknown}} props */
function RuleCard({ rule, sessions, isLead, exclude, changed }) {
  const name = `${inWords(rule.rrule)}, ${rule.start_time}–${later(rule.start_time, rule.duration_s)}`;
  const going = untouched(sessions), held = sessions.filter((each) => each.state !== "scheduled").length;
  const remove = async () => {
    const text = html`<p>${t("schedule.delete_going", { n: going })}</p>${sessions.length > going && html`<p>${t("schedule.delete_staying", { n: sessions.length - going })}</p>`}`;
    if (!await confirm({ title: t("schedule.delete_title", { name }), text, action: t("schedule.delete"), danger: true })) return;
    try {
      await api.remove(`/schedule/${rule.id}`);
      toast(t("schedule.deleted"));
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  return html`<li class="card">
    <div><h3>${name}</h3>
      <p class="quiet">${calendarDay(rule.starts_on)} – ${calendarDay(rule.ends_on)} · ${t("schedule.sessions", { n: sessions.length })}${held > 0 && `, ${t("schedule.held", { n: held })}`}</p>
      ${rule.late_after_s !== null && html`<p class="quiet small">${t("schedule.late_after", { n: Math.round(rule.late_after_s / 60) })}</p>`}
      ${rule.excluded.length > 0 && html`<p class="quiet small">${t("schedule.without", { days: shortList(rule.excluded) })}</p>`}</div>
    ${isLead && html`<div class="actions"><button type="button" class="secondary small" onClick=${exclude} aria-label=${t("schedule.exclude_of", { name })}>${t("schedule.exclude")}</button>
      <button type="button" class="secondary small danger" onClick=${remove} aria-label=${t("schedule.delete_of", { name })}>${t("schedule.delete")}</button></div>`}
  </li>`;
}

/** @param {string[]} days */
function shortList(days) {
  const shown = days.slice(0, 6).map(calendarDay).join(", ");
  return days.length > 6 ? `${shown}, ${t("schedule.more_days", { n: days.length - 6 })}` : shown;
}
