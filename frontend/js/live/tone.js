// @ts-check
// A short tone for each arrival, which can be muted.
import { effect, signal } from "../lib.js";
import { store, stored } from "../state.js";

/** Whether arrivals are heard. */
export const isHeard = signal(stored("tone") !== "off");
effect(() => store("tone", isHeard.value ? "" : "off"));

/** @type {AudioContext | null} */
let context = null;

/** Play it. Browsers stay silent until the page was touched once; so does this, without an error. */
export function play() {
  if (!isHeard.value || !("AudioContext" in window)) return;
  context ??= new AudioContext();
  if (context.state === "suspended") {
    context.resume().catch(() => {});
    return;
  }
  const now = context.currentTime;
  const volume = context.createGain();
  volume.connect(context.destination);
  volume.gain.setValueAtTime(0, now);
  volume.gain.linearRampToValueAtTime(0.12, now + 0.01);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.25);
  const tone = context.createOscillator();
  tone.frequency.setValueAtTime(660, now);
  tone.frequency.setValueAtTime(880, now + 0.08);
  tone.connect(volume);
  tone.start(now);
  tone.stop(now + 0.26);
}
