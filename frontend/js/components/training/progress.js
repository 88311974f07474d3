// @ts-check
// A training that runs: how far it is, what it says, ending it.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useEvery } from "../../loading.js";
import { hasText, t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { toastProblem } from "../toast.js";
import { Log } from "./log.js";

/** Where each stage begins, percent of the whole: embedding the photos takes longest by far. @type {Record<string, number>} */
const BEGINS = { "": 0, process: 1, libraries: 2, scan: 12, networks: 14, embed: 18, check: 80, train: 84, report: 92, publish: 98, done: 100 };
const NAMES = Object.keys(BEGINS);

/** @param {Api.Training} training @returns {number} percent of the whole */
export function percentOf({ stage, progress }) {
  const index = NAMES.indexOf(stage);
  if (index < 0) return 0;
  const begin = BEGINS[stage], end = BEGINS[NAMES[index + 1]] ?? 100;
  return Math.round(begin + (end - begin) * Math.min(1, Math.max(0, progress)));
}

/** @param {{training: Api.Training, changed: () => unknown}} props */
export function Progress({ training, changed }) {
  const [, tick] = useState(0);
  useEvery(() => tick((count) => count + 1), 1);
  const isEnding = training.cancel_requested_at !== null;
  const percent = percentOf(training);
  const seconds = Math.max(0, Math.round((api.serverTime() - new Date(training.started_at ?? training.created_at).getTime()) / 1000));
  const words = isEnding ? t("training.ending") : t(hasText(`training.stage_${training.stage}`) ? `training.stage_${training.stage}` : "training.stage_begin");
  const cancel = async () => {
    if (!await confirm({ title: t("training.cancel_title"), text: html`<p>${t("training.cancel_text")}</p>`, action: t("training.cancel"), danger: true })) return;
    try {
      await api.post(`/training/${training.id}/cancel`);
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  return html`<section class="card running" aria-label=${t("training.running")}>
    <div class="spread"><p role="status"><strong>${words}</strong></p><span class="quiet number">${percent} % · ${t("training.seconds", { n: seconds })}</span></div>
    <progress max="100" value=${percent} aria-label=${t("training.how_far")}></progress>
    <div class="spread"><${Log} training=${training} live />
      <button type="button" class="secondary small" disabled=${isEnding} onClick=${cancel}>${t("training.cancel")}</button></div>
  </section>`;
}
