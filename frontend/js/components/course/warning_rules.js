// @ts-check
// When a warning is raised.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useGet } from "../../loading.js";
import { percent } from "../../times.js";
import { t } from "../../texts.js";
import { Field, Form } from "../form.js";
import { Shown } from "../page.js";
import { toast, toastProblem } from "../toast.js";

const KINDS = ["percent_below", "absences", "absences_in_a_row"];

/** @param {{course: Api.Course, isLead: boolean}} props */
export function WarningRules({ course, isLead }) {
  const rules = useGet(`/courses/${course.id}/warning-rules`);
  /** @param {Api.WarningRule} rule */
  const remove = async (rule) => {
    try {
      await api.remove(`/warning-rules/${rule.id}`);
      toast(t("warning_rules.deleted"), { undo: () => again(rule) });
    } catch (problem) {
      toastProblem(problem);
    }
    await rules.reload();
  };
  /** @param {Api.WarningRule} rule */
  const again = async ({ kind, threshold }) => {
    try {
      await api.post(`/courses/${course.id}/warning-rules`, { kind, threshold });
    } catch (problem) {
      toastProblem(problem);
    }
    await rules.reload();
  };
  return html`<section>
    <h2>${t("warning_rules.title")}</h2>
    <p class="quiet measure">${t("warning_rules.text")}</p>
    <${Shown} from=${rules} rows=${2}>${(/** @type {Api.WarningRule[]} */ list) => list.length === 0
      ? html`<p class="quiet">${t("warning_rules.none")}</p>`
      : html`<ul class="plain-list framed">${list.map((rule) => html`<li key=${rule.id}><span>${inWords(rule)}</span>
          ${isLead && html`<button type="button" class="link" aria-label=${t("warning_rules.delete_of", { rule: inWords(rule) })} onClick=${() => remove(rule)}>${t("warning_rules.delete")}</button>`}</li>`)}</ul>`}</${Shown}>
    ${isLead && html`<${NewRule} course=${course} made=${rules.reload} />`}
  </section>`;
}

/** @param {Api.WarningRule} rule */
function inWords({ kind, threshold }) {
  return kind === "percent_below" ? t("warning_rules.percent", { threshold: percent(threshold, threshold % 1 ? 1 : 0) }) : t(`warning_rules.${kind}`, { n: threshold });
}

/** @param {{course: Api.Course, made: () => Promise<void>}} props */
function NewRule({ course, made }) {
  const [kind, setKind] = useState(KINDS[0]);
  const isPercent = kind === "percent_below";
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    await api.post(`/courses/${course.id}/warning-rules`, { kind, threshold: values.threshold });
    await made();
    toast(t("warning_rules.made"));
  };
  return html`<div class="card measure"><h3>${t("warning_rules.new")}</h3>
    <${Form} onSubmit=${submitted} submit=${t("warning_rules.make")}>
      <div class="fields">
        <${Field} as="select" label=${t("warning_rules.kind")} name="kind" onChange=${(/** @type {any} */ event) => setKind(event.target.value)}>
          ${KINDS.map((each) => html`<option value=${each} selected=${each === kind}>${t(`warning_rules.kind_${each}`)}</option>`)}</${Field}>
        <${Field} key=${kind} label=${t(isPercent ? "warning_rules.of_percent" : "warning_rules.of_absences")} name="threshold" type="number" required
          min="1" max="100" step=${isPercent ? "any" : 1} defaultValue=${isPercent ? course.min_percent : 3} />
      </div>
    </${Form}></div>`;
}
