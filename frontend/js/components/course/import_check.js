// @ts-check
// Step 3: what the file would change, told by the server without changing anything; then doing it.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useLoaded } from "../../loading.js";
import { today } from "../../times.js";
import { t, hasText } from "../../texts.js";
import { confirm } from "../dialog.js";
import { ProblemNote, Shown } from "../page.js";
import { Table } from "../table.js";
import { ImportCounts } from "./import_counts.js";
import { bring } from "./roster_file.js";

/**
 * @param {{course: Api.Course, file: File, preview: Api.RosterPreview, mapping: Record<string, number>, restart: () => void, back: () => void,
 *   done: (report: Api.RosterReport) => void}} props
 */
export function ImportCheck({ course, file, preview, mapping, restart, back, done }) {
  const [endMissing, setEndMissing] = useState(false);
  const [skipOthers, setSkipOthers] = useState(false);
  const [defaultStart, setDefaultStart] = useState(today(course.timezone));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {api.Problem | null} */ (null));
  // named even when it was only guessed: the preview was looked at
  const reading = { encoding: preview.encoding, delimiter: preview.delimiter, header: preview.header !== null };
  const options = { reading, mapping, endMissing, skipOthers, defaultStart };
  const rehearsal = useLoaded(() => bring(course, file, { ...options, dryRun: true }), [endMissing, skipOthers, defaultStart]);

  /** @param {Api.RosterReport} report */
  const commit = async (report) => {
    if (report.ended > 0 && !await confirm({ title: t("import.end_title", { n: report.ended }), text: html`<p>${t("import.end_text")}</p>`, action: t("import.commit"), danger: true })) return;
    setBusy(true);
    setProblem(null);
    try {
      done(await bring(course, file, { ...options, dryRun: false }));
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      setProblem(error);
      setBusy(false);
    }
  };
  return html`
    <h2 tabindex="-1">${t("import.check_title")}</h2>
    <div class="toolbar options">
      ${!mapping.starts_on && html`<div class="field"><label for="import-start">${t("import.default_start")}</label>
        <input id="import-start" type="date" required value=${defaultStart} onChange=${(/** @type {any} */ event) => event.target.value && setDefaultStart(event.target.value)} /></div>`}
      <label class="check"><input type="checkbox" checked=${endMissing} onChange=${(/** @type {any} */ event) => setEndMissing(event.target.checked)} /><span>${t("import.end_missing")}</span></label>
    </div>
    <${ProblemNote} problem=${problem} />
    <${Shown} from=${rehearsal} rows=${4}>${(/** @type {Api.RosterReport} */ report) => html`
      ${report.other_total > 0 && html`<${Others} report=${report} skip=${skipOthers} setSkip=${setSkipOthers} />`}
      ${toCorrect(report, skipOthers) > 0 && html`<${Errors} report=${withoutOthers(report, skipOthers)} />`}
      <${ImportCounts} report=${report} />
      ${report.error_total === 0 && changesOf(report) === 0 && html`<p class="note">${t("import.nothing")}</p>`}
      <div class="actions end"><button type="button" class="secondary" onClick=${back}>${t("import.to_columns")}</button>
        ${toCorrect(report, skipOthers) > 0
          ? html`<button type="button" onClick=${restart}>${t("import.corrected")}</button>`
          : html`<button type="button" aria-busy=${busy} disabled=${busy || rehearsal.loading || report.error_total > 0 || changesOf(report) === 0} onClick=${() => commit(report)}>${t("import.commit")}</button>`}
      </div>`}</${Shown}>
    ${rehearsal.problem && html`<div class="actions end"><button type="button" class="secondary" onClick=${back}>${t("import.to_columns")}</button></div>`}`;
}

/** @param {Api.RosterReport} report */
function changesOf(report) {
  return report.new + report.requested + report.updated + report.enrolled + report.redated + report.ended;
}

/** How much is wrong besides rows that can be left out with one tick. @param {Api.RosterReport} report @param {boolean} skip */
function toCorrect(report, skip) {
  return report.error_total - (skip ? 0 : report.other_total);
}

/** @param {Api.RosterReport} report @param {boolean} skip @returns {Api.RosterReport} */
function withoutOthers(report, skip) {
  const rows = new Set(report.others.map((each) => each.row));
  return { ...report, errors: report.errors.filter((error) => !rows.has(error.row ?? 0)), error_total: toCorrect(report, skip) };
}

/** @param {{report: Api.RosterReport, skip: boolean, setSkip: (skip: boolean) => void}} props */
function Others({ report, skip, setSkip }) {
  return html`<div class="note warn"><p><strong>${t("import.others", { n: report.other_total })}</strong></p>
    <ul class="small">${report.others.slice(0, 10).map((each) => html`<li key=${each.row}>${t("import.other", { row: each.row, shown: each.shown, reason: each.reason })}</li>`)}</ul>
    ${report.other_total > 10 && html`<p class="small">${t("import.errors_more", { n: report.other_total - 10 })}</p>`}
    <label class="check"><input type="checkbox" checked=${skip} onChange=${(/** @type {any} */ event) => setSkip(event.target.checked)} /><span>${t("import.skip_others")}</span></label></div>`;
}

/** @param {{report: Api.RosterReport}} props */
function Errors({ report }) {
  return html`<div class="note wrong" role="alert"><p><strong>${t("import.errors", { n: report.error_total })}</strong> ${t("import.errors_text")}</p></div>
    <${Table} label=${t("import.errors_label")} rows=${report.errors} rowClass=${() => "compact"}
      rowKey=${(/** @type {Api.ProblemError} */ error) => `${error.row}-${error.field}-${error.message}`} columns=${[
        { key: "row", title: t("import.row"), head: true, show: (/** @type {Api.ProblemError} */ error) => t("import.row_n", { n: error.row ?? 0 }) },
        { key: "field", title: t("import.field"), className: "side", show: (/** @type {Api.ProblemError} */ error) => (hasText(`import.is_${error.field}`) ? t(`import.is_${error.field}`) : error.field ?? "") },
        { key: "message", title: t("import.message"), className: "below" },
      ]} />
    ${report.error_total > report.errors.length && html`<p class="quiet small">${t("import.errors_more", { n: report.error_total - report.errors.length })}</p>`}`;
}
