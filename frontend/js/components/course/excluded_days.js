// @ts-check
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Form } from "../form.js";
import { toast } from "../toast.js";
import { DayList } from "./day_list.js";
import { daysOf, weeklyOf } from "./recurrence.js";

/** On which of a rule's days there is no class. @param {{rule: Api.Rule, changed: () => unknown, onClose: () => void}} props */
export function ExcludedDays({ rule, changed, onClose }) {
  const [days, setDays] = useState(rule.excluded);
  const weekly = weeklyOf(rule.rrule);
  const added = days.filter((each) => !rule.excluded.includes(each));
  const taken = rule.excluded.filter((each) => !days.includes(each));
  const submitted = async () => {
    const saved = await api.patch(`/schedule/${rule.id}`, { exclude: added, include: taken });
    onClose();
    await changed();
    toast(t("excluded.saved", { made: t("schedule.sessions", { n: saved.sessions_made }), removed: t("schedule.sessions", { n: saved.sessions_removed }) }));
  };
  return html`<${Dialog} title=${t("schedule.exclude")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("excluded.save")} disabled=${added.length + taken.length === 0}>
      <p class="quiet">${t("excluded.text")}</p>
      <${DayList} legend=${t("excluded.days")} days=${days} change=${setDays} possible=${weekly && daysOf(weekly, rule.starts_on, rule.ends_on)} />
      <div role="status">${added.length > 0 && html`<p class="small">${t("excluded.removes", { n: added.length })}</p>`}
        ${taken.length > 0 && html`<p class="small">${t("excluded.makes", { n: taken.length })}</p>`}</div>
    </${Form}>
  </${Dialog}>`;
}
