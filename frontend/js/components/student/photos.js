// @ts-check
// The photos of a student's face: taking them, handing them in as files, and deleting one.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { useGet } from "../../loading.js";
import { day } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Icon } from "../icon.js";
import { Shown } from "../page.js";
import { toast, toastProblem } from "../toast.js";
import { Upload } from "./upload.js";

/** With fewer, somebody is recognised less surely. */
const ENOUGH = 10;

/** @param {{student: Api.Student, changed: () => Promise<void>}} props */
export function Photos({ student, changed }) {
  const photos = useGet(`/students/${student.id}/faces`);
  const reload = () => Promise.all([photos.reload(), changed()]);
  /** @param {Api.FaceImage} photo */
  const remove = async (photo) => {
    if (!await confirm({ title: t("photos.delete_title"), text: html`<p>${t("photos.delete_text")}</p>`, action: t("photos.delete"), danger: true })) return;
    try {
      await api.remove(`/faces/${photo.id}`);
      toast(t("photos.deleted"));
    } catch (problem) {
      if (!(problem instanceof api.Problem && problem.status === 404)) toastProblem(problem);
    }
    await reload();
  };
  return html`<${Shown} from=${photos} rows=${3}>${(/** @type {Api.FaceImage[]} */ list) => html`
    <div class="spread head photos-head"><div><h3>${t("photos.title", { n: list.length })}</h3>
        <p class="quiet small">${t(list.length === 0 ? "photos.none" : list.length < ENOUGH ? "photos.few" : "photos.enough", { n: ENOUGH })}</p></div>
      <a role="button" class=${list.length < ENOUGH ? "" : "secondary"} href=${`#/students/${student.id}/capture`}><${Icon} name="camera" />${t(list.length ? "photos.take_more" : "photos.take")}</a></div>
    ${list.length > 0 && html`<ul class="photos">${list.map((photo, index) => html`<li key=${photo.id}>
      <img src=${api.addressOf(`/faces/${photo.id}/image`)} alt=${t("photos.one", { n: index + 1, name: student.name, day: day(photo.created_at) })} loading="lazy" width="112" height="112" />
      <button type="button" class="icon" onClick=${() => remove(photo)} aria-label=${t("photos.delete_one", { n: index + 1 })} title=${t("photos.delete")}><${Icon} name="trash" size=${16} /></button></li>`)}</ul>`}
    <${Upload} student=${student} stored=${reload} />`}</${Shown}>`;
}
