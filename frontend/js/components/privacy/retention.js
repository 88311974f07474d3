// @ts-check
// How long what is kept, and the evidence that what was due was deleted.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { dayAndClock } from "../../times.js";
import { hasText, locale, t } from "../../texts.js";
import { Table } from "../table.js";
import { toast, toastProblem } from "../toast.js";

const SHOWN = 6;

/** @param {Record<string, any>} deleted counts by kind */
function inWords(deleted) {
  const words = Object.entries(deleted).filter(([, n]) => n > 0).map(([kind, n]) => (hasText(`privacy.kind_${kind}`) ? t(`privacy.kind_${kind}`, { n }) : `${n} ${kind.replaceAll("_", " ")}`));
  return words.length > 0 ? words.join(", ") : t("privacy.nothing_due");
}

/** @param {{retention: Api.Retention, changed: () => Promise<void>}} props */
export function Retention({ retention, changed }) {
  const [busy, setBusy] = useState(false);
  const [all, setAll] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      const done = /** @type {Api.RetentionRun} */ (await api.post("/privacy/retention/run", undefined, { timeout: 300_000 }));
      toast(done.problem ?? t("privacy.ran", { what: inWords(done.deleted) }));
      await changed();
    } catch (problem) {
      toastProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const { review_crop_days: crops, frame_record_days: frames } = retention.policy;
  /** @param {number} days */
  const days = (days) => t("privacy.days", { n: days, days: days.toLocaleString(locale) });
  const runs = all ? retention.runs : retention.runs.slice(0, SHOWN);
  return html`
    <dl class="terms">
      <div><dt>${t("privacy.frames")}</dt><dd>${t("privacy.not_kept")}</dd></div>
      <div><dt>${t("privacy.crops")}</dt><dd>${days(crops)}</dd></div>
      <div><dt>${t("privacy.sightings")}</dt><dd>${days(frames)}</dd></div>
      <div><dt>${t("privacy.faces")}</dt><dd>${t("privacy.until_withdrawn")}</dd></div>
      <div><dt>${t("privacy.marks")}</dt><dd>${t("privacy.stay")}</dd></div></dl>
    <p class="actions"><button type="button" class="secondary" aria-busy=${busy} disabled=${busy} onClick=${run}>${t("privacy.run")}</button>
      <span class="quiet small">${t("privacy.by_itself")}</span></p>
    ${runs.length > 0 && html`<h3>${t("privacy.runs")}</h3><${Table} label=${t("privacy.runs")} rows=${runs} rowClass=${() => "compact"} columns=${[
      { key: "when", title: t("privacy.when"), head: true, show: (/** @type {Api.RetentionRun} */ each) => html`<span class="plain-weight">${dayAndClock(each.started_at)}</span>` },
      { key: "deleted", title: t("privacy.deleted"), className: "below", show: (/** @type {Api.RetentionRun} */ each) => html`<span class=${Object.keys(each.deleted).length ? "" : "quiet"}>${inWords(each.deleted)}</span>` },
      { key: "state", title: t("privacy.state"), className: "side", show: (/** @type {Api.RetentionRun} */ each) => each.problem
        ? html`<span class="badge wrong" title=${each.problem}><span aria-hidden="true">✕</span>${t("privacy.not_all")}</span>`
        : html`<span class="badge good"><span aria-hidden="true">✓</span>${t("privacy.done")}</span>` },
    ]} />
    ${retention.runs[0]?.problem && html`<div class="note wrong" role="alert"><p>${retention.runs[0].problem}</p></div>`}
    ${retention.runs.length > SHOWN && html`<p><button type="button" class="link" onClick=${() => setAll(!all)}>${t(all ? "privacy.fewer" : "privacy.all_runs", { n: retention.runs.length })}</button></p>`}`}`;
}
