// @ts-check
// Step 1: the file, dropped or picked.
import { html, useRef, useState } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { DropZone } from "../drop_zone.js";
import { Icon } from "../icon.js";
import { ProblemNote } from "../page.js";
import { check, preview } from "./roster_file.js";

/** @param {{course: Api.Course, said: {name: string, encoding: string} | null, read: (file: File, preview: Api.RosterPreview) => void}} props
 *   said: how somebody said that the letters of a file are written, which holds for the corrected one too */
export function ImportFile({ course, said, read }) {
  const [problem, setProblem] = useState(/** @type {api.Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const picker = useRef(/** @type {HTMLInputElement | null} */ (null));

  /** @param {File[]} files */
  const take = async (files) => {
    const [file, ...others] = files;
    if (!file || busy) return;
    setProblem(null);
    setBusy(true);
    try {
      if (others.length > 0) throw new api.Problem(422, "file_many", t("import.file_many", { n: files.length }));
      await check(file);
      read(file, await readAs(course, file, said?.name === file.name ? said.encoding : ""));
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      setProblem(error);
    }
    setBusy(false);
    // the same file, put right, can be chosen again
    if (picker.current) picker.current.value = "";
  };
  return html`
    <h2 tabindex="-1" class="visually-hidden">${t("import.step_file")}</h2>
    <${ProblemNote} problem=${problem} />
    <${DropZone} onFiles=${take}>
      <${Icon} name="upload" size=${32} />
      <p><strong>${t("import.drop")}</strong></p>
      <p class="quiet small">${t("import.kinds")}</p>
      <button type="button" aria-busy=${busy} onClick=${() => picker.current?.click()}>${t(busy ? "import.reading" : "import.choose")}</button>
      <input ref=${picker} type="file" hidden accept=".csv,.tsv,.txt,.xlsx,.xls,text/csv,text/plain,text/tab-separated-values" aria-label=${t("import.choose")}
        onChange=${(/** @type {any} */ event) => take([...event.target.files])} />
    </${DropZone}>
    <section class="measure"><h2>${t("import.needed_title")}</h2>
      <p>${t("import.needed_text")}</p>
      <pre class="sample"><code>${t("import.sample")}</code></pre>
      <p class="quiet">${t("import.excel")}</p>
      <p><a href=${api.addressOf(`/courses/${course.id}/roster.csv`)} download>${t("import.present")}</a></p>
    </section>`;
}

/** @param {Api.Course} course @param {File} file @param {string} encoding "" : to be found out */
async function readAs(course, file, encoding) {
  if (!encoding) return preview(course, file);
  try {
    return await preview(course, file, { encoding });
  } catch (problem) {
    // saved in another encoding this time
    if (problem instanceof api.Problem && problem.code === "encoding") return preview(course, file);
    throw problem;
  }
}
