// @ts-check
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { dayAndClock } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { toast, toastProblem } from "../toast.js";

/** The button that takes another model into use. @param {{version: Api.ModelVersion, changed: () => unknown, small?: boolean}} props small: in a table */
export function Activate({ version, changed, small }) {
  const when = dayAndClock(version.created_at);
  const activate = async () => {
    const text = html`<p>${t("training.activate_text")}</p>`;
    if (!await confirm({ title: t("training.activate_title", { when }), text, action: t("training.activate") })) return;
    try {
      const done = /** @type {Api.Activation} */ (await api.post("/model/activate", { version: version.version }));
      toast(t(done.in_use ? "training.activated" : "training.activated_soon", { when }));
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  return html`<button type="button" class=${small ? "link" : "secondary"} aria-label=${t("training.activate_of", { when })} onClick=${activate}>${t("training.activate")}</button>`;
}
