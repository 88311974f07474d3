// @ts-check
// Beside the picture: how many photos of each direction there are, which, and what was not kept.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { WANTED } from "../../live/capture_loop.js";
import { hasText, t } from "../../texts.js";
import { Icon } from "../icon.js";

/** @param {{loop: import("../../live/capture_loop.js").CaptureLoop}} props */
export function PoseProgress({ loop }) {
  return html`<ul class="poses" aria-label=${t("capture.progress")}>${WANTED.map(([pose, wanted]) => {
    const count = Math.min(wanted, loop.count(pose));
    const isSkipped = loop.skipped.value.includes(pose);
    const state = count === wanted ? "done" : loop.wanted.value === pose ? "now" : isSkipped ? "skipped" : "";
    return html`<li key=${pose} class=${state}>
      <strong>${count === wanted && html`<span aria-hidden="true">✓ </span>`}${t(`capture.pose_${pose}`)}</strong>
      <span class="number">${t("capture.of", { n: count, all: wanted })}</span>
      <progress value=${count} max=${wanted} aria-label=${t(`capture.pose_${pose}`)}></progress>
      ${count < wanted && html`<button type="button" class="link small" aria-pressed=${isSkipped} aria-label=${t("capture.skip_pose", { pose: t(`capture.pose_${pose}`) })}
        onClick=${() => (loop.skipped.value = isSkipped ? loop.skipped.value.filter((each) => each !== pose) : [...loop.skipped.value, pose])}>${t(isSkipped ? "capture.unskip" : "capture.skip")}</button>`}
    </li>`;
  })}</ul>`;
}

/** @param {{taken: import("../../live/capture_loop.js").Taken[], remove: (photo: import("../../live/capture_loop.js").Taken) => void}} props */
export function TakenPhotos({ taken, remove }) {
  return html`<section aria-label=${t("capture.photos")}>${taken.length === 0
    ? html`<p class="quiet small">${t("capture.none_yet")}</p>`
    : html`<ul class="photos">${taken.map((photo, index) => html`<li key=${photo.id}>
        <img src=${api.addressOf(`/faces/${photo.id}/image`)} alt=${t("capture.photo", { n: index + 1, pose: t(`capture.pose_${photo.pose}`) })} width="72" height="72" />
        <button type="button" class="icon" onClick=${() => remove(photo)} aria-label=${t("capture.delete", { n: index + 1 })} title=${t("photos.delete")}><${Icon} name="trash" size=${14} /></button></li>`).reverse()}</ul>`}</section>`;
}

/** @param {{refused: Record<string, number>}} props code -> how many */
export function NotKept({ refused }) {
  const list = Object.entries(refused).map(([code, count]) => {
    const key = `capture.refused_${code}`;
    return `${count} × ${t(hasText(key) ? key : "capture.refused_other")}`;
  });
  return list.length > 0 ? html`<p class="quiet small">${t("capture.not_kept", { list: list.join(", ") })}</p>` : null;
}
