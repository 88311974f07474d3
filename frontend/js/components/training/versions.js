// @ts-check
// Every model that is kept, the newest first, and going back to one.
import { html } from "../../lib.js";
import { day } from "../../times.js";
import { t } from "../../texts.js";
import { Table } from "../table.js";
import { Activate } from "./activate.js";
import { LINES } from "./figures.js";
import { nameOf } from "./report.js";

/** @param {{versions: Api.ModelVersion[], changed: () => unknown}} props */
export function Versions({ versions, changed }) {
  const named = LINES.find((line) => line.key === "named");
  return html`<${Table} label=${t("training.models")} rows=${versions} rowKey=${(/** @type {Api.ModelVersion} */ version) => version.version} rowClass=${() => "compact"} columns=${[
    { key: "created", title: t("training.trained"), head: true, show: (/** @type {Api.ModelVersion} */ version) => html`<a href=${`#/training?model=${encodeURIComponent(version.version)}`}>${nameOf(version)}</a><span class="quiet small under">${version.version}</span>` },
    { key: "students", title: t("training.line_students"), className: "wide", end: true, show: (/** @type {Api.ModelVersion} */ version) => version.student_count ?? "–" },
    { key: "named", title: t("training.line_named"), className: "below", show: (/** @type {Api.ModelVersion} */ version) => html`<span class="on-phone quiet">${t("training.line_named")}: </span>${named?.show({ version, report: null })}` },
    { key: "since", title: t("training.first_used"), className: "wide", show: (/** @type {Api.ModelVersion} */ version) => html`<span class="quiet">${version.in_use_since ? day(version.in_use_since) : t("training.never_used")}</span>` },
    { key: "acts", title: "", end: true, className: "row", show: (/** @type {Api.ModelVersion} */ version) => version.active
      ? html`<span class="badge good"><span aria-hidden="true">✓</span>${t("training.in_use")}</span>` : html`<${Activate} version=${version} changed=${changed} small />` },
  ]} />
  <p class="quiet small measure below-list">${t("training.models_text")}</p>`;
}
