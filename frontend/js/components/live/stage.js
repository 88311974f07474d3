// @ts-check
// The picture of the room with a box around each face: a sign and a word, never a colour alone, and never over the face.
import { html, useEffect, useRef } from "../../lib.js";
import { t } from "../../texts.js";

/** @typedef {import("../../live/tracks.js").Track} Track */

/** @type {Record<string, {sign: string, tone: string}>} */
const LOOKS = {
  seen: { sign: "✓", tone: "present" },
  more: { sign: "…", tone: "waiting" },
  review: { sign: "?", tone: "review" },
  not_enrolled: { sign: "✕", tone: "unknown" },
  unknown: { sign: "✕", tone: "unknown" },
};

/** What is said of a face. @param {Api.FrameFace} face @returns {{kind: string, word: string}} */
export function said(face) {
  if (face.student && (face.decision === "accepted" || face.decision === "duplicate")) {
    const isMarked = !face.reasons.includes("more_sightings_needed");
    return { kind: isMarked ? "seen" : "more", word: face.student.name };
  }
  const kind = face.decision === "review" || face.decision === "not_enrolled" ? face.decision : "unknown";
  return { kind, word: t(`live.face_${kind}`) };
}

/**
 * @param {{camera: import("../../camera.js").Camera | null, tracks: Track[], arrived: Set<number>, mirrored: boolean, numbers: boolean,
 *   video: {current: HTMLVideoElement | null}, describe?: (face: any) => {kind: string, word: string}, children?: any}} props arrived: students whose boxes pulse; numbers: for admins
 */
export function Stage({ camera, tracks, arrived, mirrored, numbers, video, describe = said, children }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = camera?.stream ?? null;
    if (camera) element.play().catch(() => {}); // a page that is hidden plays when it is shown
  }, [camera]);
  /** The boxes are shares of the picture, so their holder has to have its shape. */
  const shaped = () => {
    if (video.current && frame.current) frame.current.style.setProperty("--shape", `${video.current.videoWidth / video.current.videoHeight || 16 / 9}`);
  };
  return html`<div class="stage">
    <div class="picture" ref=${frame}>
      <video ref=${video} class=${mirrored ? "mirrored" : ""} muted playsinline autoplay aria-label=${t("live.picture")} onLoadedMetadata=${shaped} onResize=${shaped}></video>
      <div class="boxes" aria-hidden="true">${tracks.map((track) => html`<${Box} key=${track.id} track=${track} mirrored=${mirrored}
        pulse=${Boolean(track.face.student && arrived.has(track.face.student.id))} numbers=${numbers} describe=${describe} />`)}</div>
    </div>
    ${children}
  </div>`;
}

/** @param {{track: Track, mirrored: boolean, pulse: boolean, numbers: boolean, describe: (face: any) => {kind: string, word: string}}} props */
function Box({ track, mirrored, pulse, numbers, describe }) {
  const [x1, y1, x2, y2] = track.box;
  const { kind, word } = describe(track.face);
  const { sign, tone } = LOOKS[kind];
  const left = mirrored ? 1 - x2 : x1;
  const share = (/** @type {number} */ value) => `${(100 * value).toFixed(2)}%`;
  // the label stands above the face, below it where there is no room, and on the side that is in the picture
  const placed = `${y1 > 0.08 ? "above" : "below"} ${left > 0.7 ? "to-left" : ""}`;
  return html`<div class=${`face ${tone} ${placed} ${pulse ? "pulse" : ""}`} style=${{ left: share(left), top: share(y1), width: share(x2 - x1), height: share(y2 - y1) }}>
    <span class="label"><span class="sign">${sign}</span>${word}${numbers && track.face.numbers
      ? html` <span class="number">${track.face.numbers.similarity.toFixed(2)}</span>` : null}</span>
  </div>`;
}
