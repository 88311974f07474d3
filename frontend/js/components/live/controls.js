// @ts-check
// What can be done with the picture; seen while the pointer moves or something in it has the focus.
import { html, useEffect, useState } from "../../lib.js";
import { DEMO } from "../../camera.js";
import { t } from "../../texts.js";
import { Group } from "../group.js";
import { Icon } from "../icon.js";

const REST_MS = 3000;

/** @param {{mirrored: boolean, onMirror: () => void, isHeard: boolean, onSound: () => void, onStop?: () => void, children?: any}} props */
export function Controls({ mirrored, onMirror, isHeard, onSound, onStop, children }) {
  const [awake, setAwake] = useState(true);
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const stir = () => {
      setAwake(true);
      clearTimeout(timer);
      timer = setTimeout(() => setAwake(false), REST_MS);
    };
    stir();
    for (const event of ["pointermove", "pointerdown", "keydown"]) addEventListener(event, stir);
    return () => {
      clearTimeout(timer);
      for (const event of ["pointermove", "pointerdown", "keydown"]) removeEventListener(event, stir);
    };
  }, []);
  const isFull = Boolean(document.fullscreenElement);
  const full = () => (isFull ? document.exitFullscreen() : document.documentElement.requestFullscreen?.())?.catch(() => {});
  return html`<${Group} className=${`controls ${awake ? "" : "resting"}`} label=${t("live.controls")}>
    ${children}
    <button type="button" class="icon" aria-pressed=${mirrored} onClick=${onMirror} title=${t("live.mirror")}><${Icon} name="mirror" /><span class="visually-hidden">${t("live.mirror")}</span></button>
    <button type="button" class="icon" aria-pressed=${isHeard} onClick=${onSound} title=${t(isHeard ? "live.sound_on" : "live.sound_off")}><${Icon} name=${isHeard ? "sound" : "muted"} /><span class="visually-hidden">${t(isHeard ? "live.sound_on" : "live.sound_off")}</span></button>
    <button type="button" class="icon" onClick=${full} title=${t("live.fullscreen")}><${Icon} name="fullscreen" /><span class="visually-hidden">${t("live.fullscreen")}</span></button>
    ${onStop && html`<button type="button" class="icon" onClick=${onStop} title=${t("live.stop")}><${Icon} name="cross" /><span class="visually-hidden">${t("live.stop")}</span></button>`}
  </${Group}>`;
}

/** @param {{camera: import("../../live/use_camera.js").CameraState}} props */
export function CameraPicker({ camera }) {
  if (camera.choices.length + (camera.hasDemo ? 1 : 0) < 1) return null;
  return html`<label class="camera-picker"><span class="visually-hidden">${t("camera.choose")}</span>
    <select value=${camera.chosen} onChange=${(/** @type {any} */ event) => camera.choose(event.target.value)}>
      ${camera.choices.map((choice, index) => html`<option key=${choice.id} value=${choice.id} selected=${choice.id === camera.chosen}>${choice.label || t("camera.unnamed", { n: index + 1 })}</option>`)}
      ${camera.hasDemo && html`<option value=${DEMO} selected=${camera.chosen === DEMO}>${t("camera.demo")}</option>`}
    </select></label>`;
}
