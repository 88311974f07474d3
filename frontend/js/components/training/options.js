// @ts-check
// How a model is trained, in words: what the choices are and what was chosen.
import { t } from "../../texts.js";

/** How strict: percent of the students' own photos to accept. The two remedies of a report are the others than the usual. */
export const STRICTNESS = [
  { name: "usual", percentile: 95 },
  { name: "open", percentile: 98 },
  { name: "strict", percentile: 90 },
];

export const DEFAULTS = { classifier: "svm", threshold_percentile: 95, max_fpir: 0.01, min_images: 2, seed: 42 };

/** What was chosen, where it is not what is usual. @param {Record<string, any>} options @returns {string} */
export function inWords(options) {
  const given = { ...DEFAULTS, ...options };
  const strictness = STRICTNESS.find((each) => each.percentile === given.threshold_percentile);
  const words = [strictness ? t(`training.strict_${strictness.name}`) : t("training.accepts", { percent: given.threshold_percentile })];
  if (given.classifier !== DEFAULTS.classifier) words.push(t(`training.classifier_${given.classifier}`));
  if (given.max_fpir !== DEFAULTS.max_fpir) words.push(t("training.strangers_at_most", { percent: Math.round(given.max_fpir * 10000) / 100 }));
  if (given.min_images !== DEFAULTS.min_images) words.push(t("training.from_photos", { n: given.min_images }));
  if (given.seed !== DEFAULTS.seed) words.push(t("training.with_seed", { seed: given.seed }));
  return words.join(" · ");
}
