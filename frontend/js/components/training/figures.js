// @ts-check
// The numbers of a model's report as lines of a table: what each is called and how it is shown.
import { locale, t } from "../../texts.js";

/**
 * @typedef {Object} Measured what is known of a version, from its report
 * @property {Api.ModelVersion} version
 * @property {Api.ModelReport | null} report null: it came without one
 */

// as in the summary that the training writes
const GOOD_RANKING = 0.9;
const ENOUGH_NAMED = 0.8;

/** @typedef {{key: string, show: (of: Measured) => string}} Line */

/** @param {any} rate {value, count, total} of a report */
function rate(rate) {
  return rate && rate.total > 0 ? `${share(rate.value)} · ${t("training.of", { n: rate.count, total: rate.total })}` : "–";
}

/** As a percentage with as many digits as say something. @param {number | null | undefined} value 0..1 */
function share(value) {
  if (value === null || value === undefined) return "–";
  const percent = value * 100;
  const digits = percent > 0 && percent < 0.1 ? 3 : percent > 0 && percent < 100 ? 1 : 0;
  return `${percent.toLocaleString(locale, { maximumFractionDigits: digits })} %`;
}

/** @param {number | null | undefined} value */
function score(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString(locale, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
}

/** @param {Measured} of */
const metrics = (of) => of.report?.metrics ?? of.version.metrics;

/** @param {Measured} of */
function unknown(of) {
  const { tpir, misnamed, review } = metrics(of);
  if (!tpir?.total) return "–";
  const count = tpir.total - tpir.count - misnamed.count - review.count;
  return rate({ value: count / tpir.total, count, total: tpir.total });
}

/** What somebody has to know of this class before they rely on the camera. @param {Measured} of @returns {string | null} */
export function warning(of) {
  const { rank1, tpir } = metrics(of);
  if (rank1?.total > 0 && rank1.value < GOOD_RANKING) return t("training.warn_network", { n: Math.round(100 * rank1.value) });
  return tpir?.total > 0 && tpir.value < ENOUGH_NAMED ? t("training.warn_few", { n: Math.round(100 * tpir.value) }) : null;
}

/** @type {Line[]} */
export const LINES = [
  { key: "students", show: (of) => String(of.version.student_count ?? "–") },
  { key: "photos", show: (of) => (of.report?.dataset.photos_by_face ? String(Object.values(of.report.dataset.photos_by_face).reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each, 0)) : "–") },
  { key: "named", show: (of) => rate(metrics(of).tpir) },
  { key: "within_five", show: (of) => share(metrics(of).named_within_five) },
  { key: "mask", show: (of) => rate(metrics(of).in_conditions?.mask) },
  { key: "dark_glasses", show: (of) => rate(metrics(of).in_conditions?.dark_glasses) },
  { key: "out_of_focus", show: (of) => rate(metrics(of).in_conditions?.out_of_focus) },
  { key: "moving", show: (of) => rate(metrics(of).in_conditions?.moving) },
  { key: "alike", show: (of) => share(of.report?.thresholds?.angle_scale) },
  { key: "decided", show: (of) => rate(metrics(of).review) },
  { key: "unknown", show: unknown },
  { key: "misnamed", show: (of) => rate(metrics(of).misnamed) },
  { key: "strangers_expected", show: (of) => share(of.report?.thresholds?.expected_fpir) },
  { key: "strangers_seen", show: (of) => rate(metrics(of).stranger_fpir) },
  { key: "accept", show: (of) => score(of.report?.thresholds?.accept ?? of.version.thresholds.accept) },
  { key: "review", show: (of) => score(of.report?.thresholds?.review ?? of.version.thresholds.review) },
];
