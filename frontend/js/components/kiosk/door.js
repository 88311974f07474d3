// @ts-check
// What the device at the door shows: the camera's picture, a greeting, and nothing else about anybody.
import { html, useEffect, useMemo, useRef, useState } from "../../lib.js";
import * as api from "../../api.js";
import { FrameLoop } from "../../live/frame_loop.js";
import { forgetUnless } from "../../live/frame_queue.js";
import { follow } from "../../live/tracks.js";
import { play } from "../../live/tone.js";
import { useAwake } from "../../live/awake.js";
import { useCamera } from "../../live/use_camera.js";
import { useEvery, useLoaded } from "../../loading.js";
import { kioskSecret } from "../../state.js";
import { clock } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Icon } from "../icon.js";
import { Stage } from "../live/stage.js";

const LOOK_SECONDS = 5;
const GREETED_MS = 2500;

/** @type {Record<string, string>} how a greeting looks on a box */
const KINDS = { welcome: "seen", wait: "more", ask: "review", unknown: "unknown" };

/** @param {{secret: string}} props */
export function Door({ secret }) {
  useAwake();
  // quiet: the kiosk has no login that could end
  const options = useMemo(() => ({ headers: { Authorization: `Bearer ${secret}` }, quiet: true }), [secret]);
  const view = useLoaded((signal) => api.get("/kiosk", undefined, { ...options, signal }), [secret]);
  useEvery(view.reload, LOOK_SECONDS);
  const [leaving, setLeaving] = useState(false);
  const shown = /** @type {Api.KioskView | undefined} */ (view.data);
  const isEnded = view.problem?.status === 401;
  useEffect(() => {
    if (isEnded) forgetUnless([]).catch(() => {}); // a browser that keeps nothing
  }, [isEnded]);
  if (isEnded) {
    return html`<main class="kiosk ended" id="main"><h1>${t("kiosk.ended")}</h1><p>${t("kiosk.ended_text")}</p>
      <button type="button" onClick=${() => { kioskSecret.value = ""; }}>${t("kiosk.to_login")}</button></main>`;
  }
  return html`<main class="kiosk" id="main">
    ${shown?.session_id
      ? html`<${Greeter} key=${shown.session_id} session=${shown.session_id} options=${options} refresh=${view.reload} />`
      : html`<div class="waiting"><p class="big">${shown ? t("kiosk.not_open") : view.problem ? t("kiosk.no_network") : t("load.loading")}</p>
          ${shown?.next_at && html`<p>${t("kiosk.next", { time: clock(shown.next_at, shown.timezone) })}</p>`}</div>`}
    <header class="kiosk-head"><h1>${shown?.course_title ?? "SmartAttendance"}</h1><${Clock} zone=${shown?.timezone} />
      <button type="button" class="icon" onClick=${() => setLeaving(true)} aria-label=${t("kiosk.leave")}><${Icon} name="cross" /></button></header>
    ${leaving && html`<${Leave} options=${options} onClose=${() => setLeaving(false)} />`}
  </main>`;
}

/** @param {{zone?: string}} props */
function Clock({ zone }) {
  const [now, setNow] = useState(() => new Date());
  useEvery(() => setNow(new Date()), 5);
  return html`<time class="number">${clock(now, zone)}</time>`;
}

/** @param {{session: number, options: import("../../api.js").Options, refresh: () => unknown}} props */
function Greeter({ session, options, refresh }) {
  const camera = useCamera("user");
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [tracks, setTracks] = useState(/** @type {import("../../live/tracks.js").Track[]} */ ([]));
  const [greeted, setGreeted] = useState(/** @type {string[]} */ ([]));
  const [asked, setAsked] = useState(false);
  const here = useRef(/** @type {Set<string>} */ (new Set()));

  /** @param {Api.KioskFrame} answer @param {number} at @param {boolean} isLate */
  const answered = (answer, at, isLate) => {
    if (isLate) return;
    setTracks((before) => follow(before, /** @type {any} */ ({ ...answer, faces: answer.faces.map((face) => ({ ...face, student: null })) }), at, performance.now()));
    const names = answer.faces.filter((face) => face.greeting === "welcome").map((face) => face.first_name ?? "");
    const fresh = names.filter((name) => !here.current.has(name));
    here.current = new Set(names);
    setAsked(answer.faces.some((face) => face.greeting === "ask"));
    if (fresh.length === 0) return;
    play();
    setGreeted(fresh);
  };
  const latest = useRef(answered);
  latest.current = answered;
  const loop = useMemo(() => new FrameLoop(session, () => video.current, (...all) => latest.current(...all), { path: "/kiosk/frames", options, isKiosk: true }), [session]);
  useEffect(() => {
    if (camera.camera) loop.start();
    return () => loop.stop();
  }, [camera.camera]);
  useEffect(() => {
    if (greeted.length === 0) return undefined;
    const timer = setTimeout(() => setGreeted([]), GREETED_MS);
    return () => clearTimeout(timer);
  }, [greeted]);
  const state = loop.state.value;
  useEffect(() => {
    if (state !== "sending") setTracks([]);
    if (state === "ended") refresh();
  }, [state]);

  const word = greeted.length > 0 ? t("kiosk.welcome", { names: new Intl.ListFormat(undefined, { type: "conjunction" }).format(greeted) })
    : state === "offline" ? t(loop.queued.value > 0 ? "kiosk.kept" : "kiosk.no_network") : state === "refused" ? t("kiosk.refused") : asked ? t("kiosk.ask") : t("kiosk.look");
  return html`<${Stage} camera=${camera.camera} tracks=${tracks} arrived=${new Set()} mirrored numbers=${false} video=${video}
      describe=${(/** @type {Api.KioskFace} */ face) => ({ kind: KINDS[face.greeting], word: face.first_name ?? t(`kiosk.face_${face.greeting}`) })}>
      ${camera.trouble && html`<div class="trouble" role="alert"><h2>${camera.trouble === "starting" ? t("camera.starting") : t(`camera.${camera.trouble}_title`)}</h2>
        ${camera.trouble !== "starting" && html`<p>${t(`camera.${camera.trouble}_text`)}</p><div class="actions"><button type="button" onClick=${camera.retry}>${t("camera.again")}</button></div>`}</div>`}
    </${Stage}>
    <p class=${`greeting ${greeted.length > 0 ? "welcome" : ""}`} role="status" aria-live="polite">${greeted.length > 0 && html`<${Icon} name="check" size=${40} />`}${word}</p>`;
}

/** @param {{options: import("../../api.js").Options, onClose: () => void}} props */
function Leave({ options, onClose }) {
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    await api.post("/kiosk/leave", { pin: values.pin }, options);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    kioskSecret.value = "";
  };
  return html`<${Dialog} title=${t("kiosk.leave")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("kiosk.leave_submit")}>
      <${Field} label=${t("kiosk.pin")} name="pin" type="password" inputmode="numeric" autocomplete="off" required autofocus maxlength="12" />
    </${Form}></${Dialog}>`;
}
