// @ts-check
// Step 4: what was done, and how to go back on it.
import { html } from "../../lib.js";
import { t } from "../../texts.js";
import { ImportCounts } from "./import_counts.js";

/** @param {{course: Api.Course, report: Api.RosterReport, restart: () => void}} props */
export function ImportDone({ course, report, restart }) {
  return html`
    <h2 tabindex="-1">${t("import.done_title", { n: report.rows })}</h2>
    <${ImportCounts} report=${report} />
    <p class="measure">${t("import.undo_hint")}</p>
    <p class="measure quiet">${t("import.consent_hint")}</p>
    <div class="actions"><a role="button" href=${`#/courses/${course.id}`}>${t("import.to_roster")}</a>
      <button type="button" class="secondary" onClick=${restart}>${t("import.once_more")}</button></div>`;
}
