// @ts-check
// A doubtful face beside those it may be; one key or one tap says whose it is.
import { html, useEffect, useRef, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useKeys } from "../../keys.js";
import { useGet } from "../../loading.js";
import { clock, day } from "../../times.js";
import { t } from "../../texts.js";
import { Group } from "../group.js";
import { Band } from "../marks.js";
import { SomebodyElse } from "./somebody_else.js";

const COMPARED = 4;

/** @typedef {(resolution: "student" | "stranger" | "dismissed", student?: Api.StudentReference) => unknown} Decide */

/**
 * @param {{item: Api.ReviewItem, place: string, waiting: boolean, decide: Decide, move: (step: number) => void}} props
 *   place: such as "2 of 5". waiting: the next one, which is not seen yet and whose pictures come already
 */
export function Face({ item, place, waiting, decide, move }) {
  const compared = useGet(`/review/${item.id}`);
  const loaded = useGet(`/sessions/${item.session_id}`);
  const session = /** @type {Api.Session | undefined} */ (loaded.data);
  const [missing, setMissing] = useState(false);
  const [choosing, setChoosing] = useState(false);
  const section = useRef(/** @type {HTMLElement | null} */ (null));
  const isGone = missing || !item.crop_expires_at || Date.parse(item.crop_expires_at) <= api.serverTime();
  const isLocked = session !== undefined && session.state !== "open" && session.state !== "closed";

  /** @type {Record<string, () => unknown>} */
  const acts = {};
  if (!isLocked) acts.d = () => decide("dismissed");
  if (!isLocked && !isGone) {
    acts.s = () => decide("stranger");
    for (const [index, candidate] of item.candidates.entries()) acts[String(index + 1)] = () => decide("student", candidate.student);
  }
  useKeys(waiting ? {} : acts);

  useEffect(() => {
    // whoever pressed a button that is gone now goes on at the next face
    if (!waiting && (document.activeElement === document.body || section.current?.parentElement?.contains(document.activeElement))) {
      section.current?.focus({ preventScroll: true });
    }
  }, [waiting]);

  const who = session ? `${session.course_code} · ${day(item.captured_at, session.timezone)}, ${clock(item.captured_at, session.timezone)}` : "";
  return html`<section class="face-review" hidden=${waiting} tabindex="-1" ref=${section} aria-label=${t("review.face", { place })}>
    <figure class="seen">
      ${isGone ? html`<p class="no-picture">${t("review.no_picture")}</p>`
        : html`<img src=${api.addressOf(`/review/${item.id}/crop`)} alt=${t("review.crop")} onError=${() => setMissing(true)} />`}
      <figcaption><span class="moves"><${Move} step=${-1} move=${move} /><span class="number nowrap">${place}</span><${Move} step=${1} move=${move} /></span><span>${who}</span></figcaption>
    </figure>
    <div class="who">
      <h2>${t(isGone ? "review.nobody_can" : isLocked ? "review.locked" : "review.whose")}</h2>
      ${isGone && !isLocked && html`<p>${t("review.expired_text")}</p>`}
      ${isLocked && html`<p>${t("review.locked_text")} <a href=${`#/sessions/${item.session_id}`}>${t("review.to_sheet")}</a></p>`}
      ${!isGone && !isLocked && html`<ol class="candidates">${item.candidates.map((candidate, index) => html`<${Candidate} key=${candidate.student.id}
        candidate=${candidate} number=${index + 1} images=${imagesOf(compared.data, candidate)} choose=${() => decide("student", candidate.student)} />`)}</ol>
        ${item.candidates.length === 0 && html`<p class="quiet">${t("review.no_candidates")}</p>`}`}
      <${Group} className="deciding" label=${t("review.decide")}>
        ${!isLocked && !isGone && html`<button type="button" class="secondary" onClick=${once(() => decide("stranger"))}><kbd>S</kbd>${t("review.stranger")}</button>
          <button type="button" class="secondary" onClick=${() => setChoosing(true)}>${t("review.somebody_else")}</button>`}
        ${!isLocked && html`<button type="button" class="secondary" onClick=${once(() => decide("dismissed"))}><kbd>D</kbd>${t("review.dismiss")}</button>`}
      </${Group}>
      <p class="quiet small meaning">${t("review.meaning")}</p>
      <p class="quiet small only-wide">${t("review.keys", { n: Math.max(1, item.candidates.length) })}</p>
    </div>
    ${choosing && html`<${SomebodyElse} session=${item.session_id} onClose=${() => setChoosing(false)}
      choose=${(/** @type {Api.StudentReference} */ student) => { setChoosing(false); decide("student", student); }} />`}
  </section>`;
}

/** @param {{candidate: Api.ReviewCandidate, number: number, images: number[] | undefined, choose: () => unknown}} props */
function Candidate({ candidate, number, images, choose }) {
  const similarity = candidate.similarity === null ? null : candidate.similarity.toFixed(2);
  return html`<li><button type="button" class="secondary candidate" onClick=${once(choose)}>
    <span class="name"><kbd>${number}</kbd><strong>${candidate.student.name}</strong></span>
    <span class="sureness"><${Band} band=${candidate.band} />${similarity && html`<span class="quiet small number" title=${t("review.similarity")}>${similarity}</span>`}</span>
    <span class="pictures">${images?.slice(0, COMPARED).map((id) => html`<img src=${api.addressOf(`/faces/${id}/image`)} alt="" />`)
      ?? Array.from({ length: COMPARED }, () => html`<span class="skeleton"></span>`)}
      ${images?.length === 0 && html`<span class="quiet small">${t("review.no_images")}</span>`}</span>
  </button></li>`;
}

/** @param {{step: number, move: (step: number) => void}} props */
function Move({ step, move }) {
  const name = step < 0 ? "review.previous" : "review.next";
  return html`<button type="button" class="secondary move" aria-label=${t(name)} onClick=${() => move(step)}><span aria-hidden="true">${step < 0 ? "←" : "→"}</span></button>`;
}

/** The second click of a double click was not meant for the next face. @param {() => unknown} act */
function once(act) {
  return (/** @type {MouseEvent} */ event) => { if (event.detail < 2) act(); };
}

/** The pictures spread over what there is, so that not all are of one moment.
 * @param {Api.ComparedItem | undefined} compared @param {Api.ReviewCandidate} candidate */
function imagesOf(compared, candidate) {
  const ids = compared?.candidates.find((each) => each.student.id === candidate.student.id)?.face_image_ids ?? (compared ? [] : undefined);
  if (!ids || ids.length <= COMPARED) return ids;
  return Array.from({ length: COMPARED }, (_, index) => ids[Math.floor((index * ids.length) / COMPARED)]);
}
