// @ts-check
// What keeps the camera or the frames from working, each in plain words and with a way on.
import { html } from "../../lib.js";
import { t } from "../../texts.js";
import { Icon } from "../icon.js";

/**
 * In the place of the picture, while there is no camera.
 * @param {{kind: string, otherwise: {href: string, text: string}, retry: () => void, onDemo?: () => void}} props
 *   kind: a CameraTrouble, "starting" or "paused"; otherwise: how it goes on without a camera
 */
export function CameraTrouble({ kind, otherwise, retry, onDemo }) {
  if (kind === "starting") return html`<div class="trouble" role="status"><p>${t("camera.starting")}</p></div>`;
  return html`<div class="trouble" role="alert">
    <${Icon} name="camera" size=${40} />
    <h2>${t(`camera.${kind}_title`)}</h2>
    <p>${t(`camera.${kind}_text`)}</p>
    <div class="actions">
      ${kind !== "insecure" && html`<button type="button" onClick=${retry}>${t(kind === "paused" ? "camera.start" : "camera.again")}</button>`}
      ${onDemo && html`<button type="button" class="secondary" onClick=${onDemo}>${t("camera.use_demo")}</button>`}
      <a role="button" class="secondary" href=${otherwise.href}>${otherwise.text}</a>
    </div>
  </div>`;
}

/**
 * Below the picture, while frames do not get through.
 * @param {{state: import("../../live/frame_loop.js").LoopState, queued: number, problem: import("../../api.js").Problem | null, session: number, retry: () => void}} props
 */
export function FrameTrouble({ state, queued, problem, session, retry }) {
  if (state === "sending") {
    return queued > 0 ? html`<p class="frame-note" role="status">${t("live.sending_queued", { n: queued })}</p>` : null;
  }
  if (state === "ended") {
    const isClosed = problem?.code === "session_closed" || problem?.code === "session_not_open";
    return html`<div class="frame-note wrong" role="alert"><strong>${t(isClosed ? "live.closed" : "live.ended")}</strong>
      <span>${isClosed ? t("live.closed_text") : problem?.message}</span><a role="button" class="small" href=${`#/sessions/${session}`}>${t("live.to_sheet")}</a></div>`;
  }
  if (state === "refused") {
    return html`<div class="frame-note wrong" role="alert"><strong>${t(problem?.code === "model_not_found" ? "live.no_model" : "live.refused")}</strong>
      <span>${problem?.code === "model_not_found" ? t("live.no_model_text") : problem?.message}</span>
      <button type="button" class="small" onClick=${retry}>${t("load.retry")}</button>
      <a role="button" class="secondary small" href=${`#/sessions/${session}`}>${t("camera.by_hand")}</a></div>`;
  }
  return html`<div class="frame-note warn" role="status"><strong>${t(`live.${state}`)}</strong>
    <span>${state === "busy" ? t("live.busy_text") : t(state === "login" ? "live.waiting_login" : "live.waiting", { n: queued })}</span></div>`;
}
