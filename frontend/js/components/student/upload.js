// @ts-check
// Photos as files, dropped or picked: each is judged by itself, and each refused one says why.
import { html, useEffect, useRef, useState } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { DropZone } from "../drop_zone.js";
import { Icon } from "../icon.js";
import { NotAPicture, sendable } from "./picture_file.js";

/** @typedef {{name: string, why: string}} RefusedFile */

/** What ends the whole upload: no further file can be stored either. */
const FINAL = ["no_consent", "too_many_images", "erased", "storage"];
const MOST_TRIES = 5;

/** @param {{student: Api.Student, stored: () => unknown}} props */
export function Upload({ student, stored }) {
  const [progress, setProgress] = useState(/** @type {{done: number, all: number, good: number} | null} */ (null));
  const [refused, setRefused] = useState(/** @type {RefusedFile[]} */ ([]));
  const picker = useRef(/** @type {HTMLInputElement | null} */ (null));
  const isBusy = progress !== null && progress.done < progress.all;
  const gone = useRef(false);
  useEffect(() => () => { gone.current = true; }, []);

  /** @param {File[]} files */
  const take = async (files) => {
    if (files.length === 0 || isBusy) return;
    setRefused([]);
    let good = 0;
    for (const [done, file] of files.entries()) {
      setProgress({ done, all: files.length, good });
      try {
        await store(student, file);
        good += 1;
      } catch (error) {
        const why = reasonOf(error);
        setRefused((now) => [...now, { name: file.name, why }]);
        if (error instanceof api.Problem && (FINAL.includes(error.code) || error.status === 401 || error.status === 403)) {
          setRefused((now) => [...now, ...files.slice(done + 1).map(({ name }) => ({ name, why: t("upload.not_tried") }))]);
          break;
        }
      }
      if (gone.current) return;
    }
    setProgress({ done: files.length, all: files.length, good });
    if (picker.current) picker.current.value = "";
    if (good) await stored();
  };
  return html`<${DropZone} className="small" onFiles=${take}>
      <p><strong class="not-on-phone">${t("upload.drop")} </strong><span class="quiet small">${t("upload.kinds")}</span></p>
      <button type="button" class="secondary small" aria-busy=${isBusy} onClick=${() => picker.current?.click()}><${Icon} name="upload" size=${16} />${t("upload.choose")}</button>
      <input ref=${picker} type="file" multiple hidden accept="image/*,.heic,.heif,.jfif,.jpe,.mpo,.pgm,.ppm" aria-label=${t("upload.choose")} onChange=${(/** @type {any} */ event) => take([...event.target.files])} />
    </${DropZone}>
    <div role="status">${progress && html`<p class="upload-state">${isBusy
      ? html`<progress value=${progress.done} max=${progress.all} aria-label=${t("upload.choose")}></progress>${t("upload.going_on", { n: progress.all, done: progress.done + 1 })}`
      : progress.good > 0 ? html`<span class="badge good"><span aria-hidden="true">✓</span>${t("upload.stored", { n: progress.good })}</span>` : ""}</p>`}</div>
    ${refused.length > 0 && html`<div class="note warn" role="alert"><p><strong>${t("upload.refused", { n: refused.length })}</strong></p>
      <ul>${refused.map((each) => html`<li><strong>${each.name}</strong>: ${each.why}</li>`)}</ul></div>`}`;
}

/** @param {Api.Student} student @param {File} file */
async function store(student, file) {
  const picture = await sendable(file);
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.request("POST", `/students/${student.id}/faces`, { body: picture, type: picture.type || "application/octet-stream", timeout: 60000 });
    } catch (problem) {
      // a busy server says when it is free again
      if (!(problem instanceof api.Problem) || !problem.retryAfter || problem.code === "storage" || tries === MOST_TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, problem.retryAfter * 1000));
    }
  }
}

/** @param {unknown} error @returns {string} */
function reasonOf(error) {
  if (error instanceof NotAPicture) return t(`upload.${error.kind}`);
  if (error instanceof api.Problem) return error.message;
  throw error;
}
