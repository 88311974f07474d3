// @ts-check
// The picture of the student with an oval where the face belongs, and big words that say what to do.
import { html, useEffect, useState } from "../../lib.js";
import { t, hasText } from "../../texts.js";
import { Group } from "../group.js";
import { Icon } from "../icon.js";
import { CameraPicker } from "../live/controls.js";
import { CameraTrouble } from "../live/trouble.js";

/**
 * @param {{camera: import("../../live/use_camera.js").CameraState, video: {current: HTMLVideoElement | null}, home: string,
 *   hint: import("../../live/capture_loop.js").Hint | null, isTaking: boolean, share: number, children?: any}} props share: of all photos, 0 to 1
 */
export function CaptureStage({ camera, video, home, hint, isTaking, share, children }) {
  const opened = camera.camera;
  const [mirrored, setMirrored] = useState(false);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = opened?.stream ?? null;
    if (!opened) return;
    element.play().catch(() => {}); // a page that is hidden plays when it is shown
    // a webcam is a mirror for who sits before it; a phone's back camera shows the student to somebody else
    const facing = opened.stream.getVideoTracks()[0]?.getSettings().facingMode;
    setMirrored(camera.chosen !== "demo" && facing !== "environment");
  }, [opened]);
  const more = hint && hasText(`${hint.key}_more`) ? t(`${hint.key}_more`) : "";
  return html`<div class="stage">
    <video ref=${video} class=${mirrored ? "mirrored" : ""} muted playsinline autoplay aria-label=${t("live.picture")}></video>
    ${opened && !children && html`<${Oval} tone=${hint?.tone ?? "wait"} share=${share} arrow=${arrowOf(hint, mirrored)} />`}
    ${camera.trouble && html`<${CameraTrouble} kind=${camera.trouble} retry=${camera.retry} otherwise=${{ href: `#${home}`, text: t("capture.upload") }}
      onDemo=${camera.hasDemo && camera.trouble !== "paused" ? () => camera.choose("demo") : undefined} />`}
    ${opened && hint && html`<p class=${`capture-hint ${hint.tone}`}><span role="status">${t(hint.key)}</span>
      ${(more || !isTaking) && html`<span class="small">${more || t("capture.waiting")}</span>`}</p>`}
    ${children}
    ${!camera.trouble && !children && html`<${Group} className="controls" label=${t("live.controls")}>
      <${CameraPicker} camera=${camera} />
      <button type="button" class="icon" aria-pressed=${mirrored} onClick=${() => setMirrored(!mirrored)} title=${t("live.mirror")}><${Icon} name="mirror" /><span class="visually-hidden">${t("live.mirror")}</span></button>
    </${Group}>`}
  </div>`;
}

/** To which side of the picture the student turns. @param {import("../../live/capture_loop.js").Hint | null} hint @param {boolean} mirrored */
function arrowOf(hint, mirrored) {
  const [, side] = /(?:want|turn)_(left|right)$/.exec(hint?.key ?? "") ?? [];
  // the own left is on the right of a picture that is no mirror
  return side && (mirrored === (side === "left") ? "left" : "right");
}

/** @param {{tone: string, share: number, arrow?: string}} props */
function Oval({ tone, share, arrow }) {
  return html`<div class=${`oval ${tone}`} aria-hidden="true">
    <svg viewBox="0 0 78 104" fill="none"><ellipse cx="39" cy="52" rx="37" ry="50" stroke="rgb(255 255 255 / 55%)" stroke-width="1.2" stroke-dasharray=${tone === "good" ? undefined : "3 2.5"} />
      <path class="done" d="M39 2a37 50 0 0 1 0 100a37 50 0 0 1 0-100" stroke-width="2.6" stroke-linecap="round" pathLength="100" stroke-dasharray=${`${100 * share} 100`} visibility=${share > 0 ? "visible" : "hidden"} /></svg>
    ${arrow && html`<span class=${`arrow ${arrow}`}><${Icon} name=${arrow} size=${48} /></span>`}
  </div>`;
}
