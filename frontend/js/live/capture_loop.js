// @ts-check
// Guided capture: each frame is judged by the server, which says what to do; a good one of a direction that is still
// wanted is stored.
import { computed, signal } from "../lib.js";
import { Problem, request } from "../api.js";
import { grab } from "../camera.js";
import { coarse, isNearlyEqual } from "./likeness.js";

/** @typedef {"front" | "left" | "right"} Pose as the student turns */
/** @typedef {{id: number, pose: Pose}} Taken */
/** @typedef {{key: string, tone: "good" | "do" | "wait"}} Hint key: of its text */

/** How many photos of each direction: 14 in all, most of them as the camera of a room sees people. @type {[Pose, number][]} */
export const WANTED = [["front", 6], ["left", 4], ["right", 4]];
const WIDTH = 960;
const GAP_MS = 80;
/** Between two photos; those that are nearly equal are a second apart, so that the student has moved or blinked. */
const APART_MS = 500;
const EQUAL_APART_MS = 1000;
/** Beyond these the head is turned back, or held upright; the server refuses a little later. */
const TURNED_BACK = 0.4;
const AWAY_GAP_MS = 1500;

export class CaptureLoop {
  /** @param {number} student @param {() => HTMLVideoElement | null} video @param {() => void} onPoseDone a direction has all its photos */
  constructor(student, video, onPoseDone) {
    this.student = student;
    this.video = video;
    this.onPoseDone = onPoseDone;
    /** Whether good frames are stored; before, they are only judged. */
    this.isTaking = signal(false);
    /** @type {import("../types.js").Signal<Hint | null>} */
    this.hint = signal(null);
    /** The photos, in the order in which they were taken. @type {import("../types.js").Signal<Taken[]>} */
    this.taken = signal([]);
    /** Directions that the student cannot or will not turn to. @type {import("../types.js").Signal<Pose[]>} */
    this.skipped = signal([]);
    /** What the server did not keep: code -> how many. @type {import("../types.js").Signal<Record<string, number>>} */
    this.refused = signal({});
    /** Why nothing more can be stored. @type {import("../types.js").Signal<Problem | null>} */
    this.ended = signal(null);
    this.wanted = computed(() => WANTED.find(([pose]) => this.isWanted(pose))?.[0] ?? null);
    this.running = false;
    /** Counts the starts: a run that was stopped in the middle of a frame does not go on beside the next one. */
    this.run = 0;
    this.next = "";
    this.last = { at: 0, look: /** @type {Uint8Array | null} */ (null) };
  }

  /** @param {Pose} pose */
  count(pose) {
    return this.taken.value.filter((each) => each.pose === pose).length;
  }

  /** @param {Pose} pose */
  isWanted(pose) {
    return !this.skipped.value.includes(pose) && this.count(pose) < (WANTED.find(([each]) => each === pose)?.[1] ?? 0);
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.run += 1;
    this.#run(this.run);
  }

  stop() {
    this.running = false;
  }

  /** @param {number} mine */
  async #run(mine) {
    while (this.running && this.run === mine && this.wanted.value && !this.ended.value) {
      const pause = await this.#turn();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    if (this.run !== mine) return;
    this.running = false;
    this.isTaking.value = false;
  }

  /** Judge one frame, and store it if it is wanted; how long until the next, milliseconds. */
  async #turn() {
    const video = this.video();
    const frame = video && (await grab(video, WIDTH));
    if (!frame || !this.running) return GAP_MS;
    try {
      const checked = await this.#ask(`/students/${this.student}/faces/check`, frame);
      if (this.running) await this.#judged(frame, checked);
      return GAP_MS;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      return this.#failed(problem);
    }
  }

  /** @param {string} path @param {Blob} frame */
  #ask(path, frame) {
    return request("POST", path, { body: frame, type: "image/jpeg", timeout: 15000 });
  }

  /** @param {Blob} frame @param {Api.Checked} checked */
  async #judged(frame, checked) {
    const wanted = this.wanted.value;
    if (!wanted) return;
    if (!checked.good || !checked.pose || !checked.box) return this.#say(hintOf(checked), "do");
    // in whichever order they turn
    if (!this.isWanted(checked.pose)) return this.#say(`capture.want_${wanted}`, "do");
    if (!this.isTaking.value) return this.#say("capture.hold", "good");
    const look = await coarse(frame, checked.box);
    const since = performance.now() - this.last.at;
    if (since < APART_MS) return;
    if (since < EQUAL_APART_MS && this.last.look && isNearlyEqual(look, this.last.look)) return;
    await this.#store(frame, checked.pose, look);
  }

  /** @param {Blob} frame @param {Pose} pose @param {Uint8Array} look */
  async #store(frame, pose, look) {
    /** @type {Api.Enrolled} */
    let enrolled;
    try {
      enrolled = await this.#ask(`/students/${this.student}/faces`, frame);
    } catch (problem) {
      if (!(problem instanceof Problem) || !isOfThePhoto(problem)) throw problem;
      this.refused.value = { ...this.refused.value, [problem.code]: (this.refused.value[problem.code] ?? 0) + 1 };
      this.last = { at: performance.now(), look };
      this.#say(problem.code === "already_stored" ? "capture.same" : `capture.want_${pose}`, "do");
      return;
    }
    this.last = { at: performance.now(), look };
    this.taken.value = [...this.taken.value, ...enrolled.stored.map(({ id }) => ({ id, pose }))];
    const next = this.wanted.value;
    if (!this.isWanted(pose)) this.onPoseDone();
    const count = this.count(pose);
    // of the face from the front, with more than one expression
    const isVaried = pose === "front" && next === pose && count % 2 === 0;
    this.#say(isVaried ? `capture.vary_${count / 2}` : next && next !== pose ? `capture.want_${next}` : "capture.hold", "good", true);
  }

  /** @param {Problem} problem @returns {number} */
  #failed(problem) {
    if (problem.status === 401) this.#say("capture.login", "wait", true);
    else if (problem.retryAfter || problem.status === 503 || problem.status === 429) {
      this.#say("capture.busy", "wait", true);
      return Math.max(1, problem.retryAfter) * 1000;
    } else if (problem.isPassing) this.#say("capture.offline", "wait", true);
    else this.ended.value = problem;
    return AWAY_GAP_MS;
  }

  /**
   * What is said twice is shown: a single frame that is judged otherwise would make the words flicker.
   * @param {string} key @param {Hint["tone"]} tone @param {boolean} [atOnce]
   */
  #say(key, tone, atOnce = false) {
    if (this.hint.value?.key === key) {
      if (this.hint.value.tone !== tone) this.hint.value = { key, tone };
    } else if (atOnce || this.next === key || !this.hint.value) this.hint.value = { key, tone };
    this.next = key;
  }
}

/** Whether another photo may do better. @param {Problem} problem */
function isOfThePhoto(problem) {
  if (problem.status === 409) return problem.code === "already_stored" || problem.code === "other_student";
  return problem.status === 400 || problem.status === 422;
}

/** What the student does differently, in big words. @param {Api.Checked} checked */
function hintOf(checked) {
  const [first] = checked.shortcomings;
  if (first?.code !== "turned_away") return `capture.${first?.code ?? "no_face"}`;
  const turned = checked.quality?.turned ?? 0;
  if (Math.abs(turned) < TURNED_BACK) return "capture.upright";
  // whoever is seen facing the viewer's right has turned to the own left
  return turned > 0 ? "capture.turn_right" : "capture.turn_left";
}
