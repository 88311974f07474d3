// @ts-check
// Starting a training: the usual one with one tap, two remedies in words, the rest behind "More choices".
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { DEFAULTS, STRICTNESS } from "./options.js";

/** @param {{started: (training: Api.Training) => unknown, onClose: () => void}} props */
export function Start({ started, onClose }) {
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    const training = await api.post("/training", {
      threshold_percentile: Number(values.threshold_percentile),
      classifier: values.classifier,
      max_fpir: values.strangers / 100,
      min_images: values.min_images,
      seed: values.seed,
    });
    await started(training);
    onClose();
  };
  return html`<${Dialog} title=${t("training.start_title")} onClose=${onClose}>
    <p>${t("training.start_text")}</p>
    <${Form} onSubmit=${submitted} submit=${t("training.start")}>
      <fieldset class="choices-long"><legend>${t("training.strictness")}</legend>
        ${STRICTNESS.map(({ name, percentile }) => html`<label><input type="radio" name="threshold_percentile" value=${percentile} defaultChecked=${percentile === DEFAULTS.threshold_percentile} />
          <span><strong>${t(`training.strict_${name}`)}</strong><span class="quiet small under">${t(`training.strict_${name}_text`)}</span></span></label>`)}
      </fieldset>
      <details><summary>${t("training.more")}</summary>
        <div class="fields">
          <${Field} as="select" label=${t("training.classifier")} name="classifier" hint=${t("training.classifier_hint")}>
            ${["svm", "logistic"].map((each) => html`<option value=${each}>${t(`training.classifier_${each}`)}</option>`)}</${Field}>
          <${Field} label=${t("training.strangers")} name="strangers" type="number" min="0.01" max="50" step="any" required defaultValue=${DEFAULTS.max_fpir * 100} hint=${t("training.strangers_hint")} />
          <${Field} label=${t("training.min_images")} name="min_images" type="number" min="1" max="1000" required defaultValue=${DEFAULTS.min_images} hint=${t("training.min_images_hint")} />
          <${Field} label=${t("training.seed")} name="seed" type="number" min="0" max="4294967295" required defaultValue=${DEFAULTS.seed} hint=${t("training.seed_hint")} />
        </div></details>
    </${Form}>
  </${Dialog}>`;
}
