// @ts-check
// The only module that asks for a camera. What goes wrong has one of a few kinds, each with words and a way on.
import * as api from "./api.js";

/** @typedef {"insecure" | "refused" | "missing" | "taken" | "unplugged" | "failed"} CameraTrouble */

export class CameraProblem extends Error {
  /** @param {CameraTrouble} kind */
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** The picker's name for the demo's clip in the place of a camera. */
export const DEMO = "demo";

/**
 * @typedef {Object} Camera
 * @property {MediaStream} stream
 * @property {string} id as in the picker; "" when the browser does not tell
 * @property {() => void} stop
 */

/** @typedef {{id: string, label: string}} Choice label "" until the browser may tell it */

/** Whether the browser gives a camera at this address at all: only to HTTPS and localhost. */
export function isPossible() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/** The cameras there are. @returns {Promise<Choice[]>} */
export async function listCameras() {
  if (!isPossible()) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput").map(({ deviceId, label }) => ({ id: deviceId, label }));
}

/** Call `act` whenever a camera comes or goes; the answer ends that. @param {() => void} act @returns {() => void} */
export function onCamerasChange(act) {
  if (!isPossible()) return () => {};
  navigator.mediaDevices.addEventListener("devicechange", act);
  return () => navigator.mediaDevices.removeEventListener("devicechange", act);
}

/**
 * Open a camera; `onEnd` is called when it goes by itself, such as when it is unplugged.
 * @param {string} id "" for whichever the browser takes, DEMO for the demo's clip
 * @param {() => void} onEnd
 * @param {"environment" | "user"} [facing] which camera of a phone, when none is named
 * @returns {Promise<Camera>} Throws CameraProblem.
 */
export async function openCamera(id, onEnd, facing = "environment") {
  if (id === DEMO) return openClip();
  if (!isPossible()) throw new CameraProblem("insecure");
  /** @type {MediaTrackConstraints} */
  const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  if (id) wanted.deviceId = { exact: id };
  else wanted.facingMode = { ideal: facing };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    const name = /** @type {DOMException} */ (error).name;
    // a remembered camera that is not there any more: another one will do
    if (id && (name === "OverconstrainedError" || name === "NotFoundError")) return openCamera("", onEnd, facing);
    throw new CameraProblem(KINDS[name] ?? "failed");
  }
  const [track] = stream.getVideoTracks();
  track.addEventListener("ended", onEnd);
  return {
    stream,
    id: track.getSettings().deviceId ?? id,
    stop: () => {
      track.removeEventListener("ended", onEnd);
      for (const each of stream.getTracks()) each.stop();
    },
  };
}

/** @type {Record<string, CameraTrouble>} */
const KINDS = {
  NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "taken", AbortError: "taken",
};

/** Whether this server has a clip of a sample class. */
export async function hasClip() {
  try {
    await api.get("/demo/clip");
    return true;
  } catch (problem) {
    if (problem instanceof api.Problem) return false;
    throw problem;
  }
}

/** The demo's clip as a camera's stream, over and over. @returns {Promise<Camera>} */
async function openClip() {
  /** @type {Api.Clip} */
  const clip = await api.get("/demo/clip");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = clip.size;
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let number = 0;
  let running = true;
  const begun = performance.now();
  async function show() {
    // by the clock, not by the count: a slow network skips frames as a camera would
    number = Math.floor(((performance.now() - begun) / 1000) * clip.fps) % clip.frames.length;
    try {
      const picture = await createImageBitmap(await api.getBlob(`/demo/clip/${number + 1}`));
      brush.drawImage(picture, 0, 0);
      picture.close();
    } catch {
      // the network is away: a camera would go on showing the room, this one stands still
    }
    if (running) setTimeout(show, 1000 / clip.fps);
  }
  await show();
  return { stream: canvas.captureStream(), id: DEMO, stop: () => { running = false; } };
}

/**
 * What `video` shows at this moment, as a JPEG no wider than `width`; null while it shows nothing.
 * @param {HTMLVideoElement} video @param {number} width pixels @returns {Promise<Blob | null>}
 */
export async function grab(video, width) {
  if (!video.videoWidth) return null;
  const scale = Math.min(1, width / video.videoWidth);
  canvasOfGrab.width = Math.round(video.videoWidth * scale);
  canvasOfGrab.height = Math.round(video.videoHeight * scale);
  canvasOfGrab.getContext("2d", { alpha: false })?.drawImage(video, 0, 0, canvasOfGrab.width, canvasOfGrab.height);
  return new Promise((resolve) => canvasOfGrab.toBlob(resolve, "image/jpeg", 0.85));
}

const canvasOfGrab = document.createElement("canvas");
