// @ts-check
// Students whose attendance fell below a rule, and the rules.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { usePages } from "../../loading.js";
import { isThere } from "../../routes.js";
import { isStaff } from "../../state.js";
import { day, percent } from "../../times.js";
import { t } from "../../texts.js";
import { Group } from "../group.js";
import { Empty, Shown } from "../page.js";
import { More, Table } from "../table.js";
import { toastProblem } from "../toast.js";
import { WarningRules } from "./warning_rules.js";

/** @param {{course: Api.Course, isLead: boolean}} props */
export function Warnings({ course, isLead }) {
  const [all, setAll] = useState(false);
  const warnings = usePages(`/courses/${course.id}/warnings`, all ? {} : { unacknowledged: true });
  /** @param {Api.Warning} warning */
  const acknowledge = async (warning) => {
    // shown as done at once, and as it was when the server refuses
    const put = (/** @type {Partial<Api.Warning>} */ now) => warnings.change((page) => ({ ...page, items: page.items.map((each) => (each.id === warning.id ? { ...each, ...now } : each)) }));
    put({ acknowledged_at: new Date().toISOString() });
    try {
      put(await api.post(`/warnings/${warning.id}/acknowledge`));
    } catch (problem) {
      put({ acknowledged_at: null });
      toastProblem(problem);
    }
  };
  return html`
    <section><h2>${t("warnings.title")}</h2>
      <${Group} className="filters below" label=${t("warnings.filter")}>${[false, true].map((each) => html`<button type="button" class="secondary small"
        aria-pressed=${all === each} onClick=${() => setAll(each)}>${t(each ? "warnings.all" : "warnings.open")}</button>`)}</${Group}>
      <${Shown} from=${warnings} rows=${3}>${(/** @type {Api.WarningPage} */ page) => page.items.length === 0
        ? html`<${Empty} title=${t(all ? "warnings.none_ever" : "warnings.none_open")} text=${t("warnings.none_text")} />`
        : html`<${Table} label=${t("warnings.title")} rows=${page.items} rowClass=${() => "compact"} columns=${[
            { key: "name", title: t("roster.student"), head: true, show: (/** @type {Api.Warning} */ each) => html`${isThere("/students/:id") ? html`<a href=${`#/students/${each.student_id}`}>${each.name}</a>` : each.name}
              <span class="quiet small under">${each.external_id}</span>` },
            { key: "what", title: t("warnings.what"), className: "below", show: (/** @type {Api.Warning} */ each) => inWords(each) },
            { key: "at", title: t("warnings.since"), className: "side", show: (/** @type {Api.Warning} */ each) => html`<a class="nowrap" href=${`#/sessions/${each.session_id}`} aria-label=${t("warnings.session_of", { day: day(each.at, course.timezone) })}>${day(each.at, course.timezone)}</a>` },
            { key: "acts", title: "", end: true, className: "last", show: (/** @type {Api.Warning} */ each) => each.acknowledged_at
              ? html`<span class="badge good"><span aria-hidden="true">✓</span>${t("warnings.seen_to")}</span>`
              : isStaff.value && html`<button type="button" class="secondary small" aria-label=${t("warnings.acknowledge_of", { name: each.name })} onClick=${() => acknowledge(each)}>${t("warnings.acknowledge")}</button>` },
          ]} /><${More} pages=${warnings} />`}</${Shown}>
    </section>
    <${WarningRules} course=${course} isLead=${isLead} />`;
}

/** @param {Api.Warning} warning */
function inWords({ kind, value, threshold }) {
  if (kind === "percent_below") return t("warnings.percent", { value: percent(value, value % 1 ? 1 : 0), threshold: percent(threshold, threshold % 1 ? 1 : 0) });
  return t(`warnings.${kind}`, { n: value });
}
