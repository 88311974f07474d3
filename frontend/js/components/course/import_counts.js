// @ts-check
// What an import does, or did, in numbers; those that are nought are left out.
import { html } from "../../lib.js";
import { t } from "../../texts.js";

const COUNTS = /** @type {const} */ (["new", "enrolled", "requested", "updated", "redated", "ended", "kept", "unchanged", "repeated"]);

/** @param {{report: Api.RosterReport}} props */
export function ImportCounts({ report }) {
  const shown = COUNTS.filter((name) => report[name] > 0);
  return html`
    <dl class="counts">${shown.map((name) => html`<div key=${name} class=${name}><dt>${t(`import.count_${name}`)}</dt><dd class="number">${report[name]}</dd></div>`)}</dl>
    ${report.requested > 0 && html`<p class="note measure">${t("import.requested_text")}</p>`}
    ${report.kept > 0 && html`<p class="quiet small">${t("import.kept_rows", { rows: list(report.kept_rows, report.kept) })}</p>`}
    ${report.ended > 0 && html`<p class="quiet small">${t("import.ended_students", { ids: list(report.ended_students, report.ended) })}</p>`}`;
}

/** @param {(string | number)[]} values @param {number} total */
function list(values, total) {
  const shown = values.slice(0, 30).join(", ");
  return total > 30 ? `${shown} …` : shown;
}
