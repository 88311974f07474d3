// @ts-check
// Frames on their way to the server: one at a time, as many and as large as it answers in good time. What cannot be
// sent waits with the time it was captured, and is sent once when it can be.
import { signal } from "../lib.js";
import { Problem, request, serverTime } from "../api.js";
import { grab } from "../camera.js";
import { frameOwners, loginEnded } from "../state.js";
import * as waiting from "./frame_queue.js";

/**
 * "sending"; "busy": the server has too much to do; "offline": it cannot be reached; "login": nobody is logged in any
 * more; "ended": the session takes no more frames; "refused": something that waiting does not mend.
 * @typedef {"sending" | "busy" | "offline" | "login" | "ended" | "refused"} LoopState
 */

/** Widths a frame may have, pixels. Faces far away need the larger ones, slow servers the smaller ones. */
const WIDTHS = [640, 800, 960, 1280];
const FAST_MS = 250;
const SLOW_MS = 600;
/** How long a size is kept before the next is tried. */
const SETTLE_MS = 3000;
/** At most ten frames a second, and two and a half while nobody is in view. */
const GAP_MS = 100;
const IDLE_GAP_MS = 400;
const IDLE_AFTER = 25;
/** While the server cannot be reached: two sightings within ten seconds make a mark, so this is enough. */
const OFFLINE_GAP_MS = 2000;
const FRAME_TIMEOUT_MS = 15000;

export class FrameLoop {
  /**
   * @param {number} session @param {() => HTMLVideoElement | null} video
   * @param {(answer: any, sentAt: number, isLate: boolean) => void} onAnswer sentAt: performance.now() when it was captured; isLate: it had waited
   * @param {{path?: string, options?: import("../api.js").Options, isKiosk?: boolean}} [to] where frames go: by default those of the session; options: of each request
   */
  constructor(session, video, onAnswer, { path = `/sessions/${session}/frames`, options = {}, isKiosk = false } = {}) {
    this.isKiosk = isKiosk;
    /** Who takes the pictures; once that is nobody any more, none is kept. */
    this.owner = frameOwners.value.find((owner) => (owner === "kiosk") === isKiosk) ?? "";
    this.path = path;
    this.options = options;
    this.session = session;
    this.video = video;
    this.onAnswer = onAnswer;
    /** @type {import("../types.js").Signal<LoopState>} */
    this.state = signal("sending");
    /** Why, when it is "ended" or "refused". @type {import("../types.js").Signal<Problem | null>} */
    this.problem = signal(null);
    /** Frames that wait. */
    this.queued = signal(0);
    /** Milliseconds from the capture to the answer, and answers a second, both smoothed. */
    this.latency = signal(0);
    this.rate = signal(0);
    this.width = signal(960);
    this.running = false;
    this.emptyAnswers = 0;
    this.sizedAt = 0;
    this.answeredAt = 0;
    this.isLateTurn = false;
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.#run();
  }

  stop() {
    this.running = false;
  }

  async #run() {
    await this.#count();
    while (this.running) {
      const begun = performance.now();
      const pause = await this.#turn();
      if (!this.running || this.state.value === "ended" || this.state.value === "refused") break;
      await sleep(Math.max(0, pause - (performance.now() - begun)));
    }
    this.running = false;
  }

  /** Send one frame, from before or of now; how long until the next, in milliseconds from the beginning of this one. */
  async #turn() {
    if (this.queued.value > 0 && this.state.value === "sending") {
      // those that waited and those of now in turns, so that the picture stays alive
      this.isLateTurn = !this.isLateTurn;
      if (this.isLateTurn && !(await this.#sendWaiting())) return GAP_MS;
      if (this.isLateTurn) return 0;
    }
    const video = this.video();
    const frame = video && (await grab(video, this.width.value));
    if (!this.running || !frame) return GAP_MS;
    const captured = { key: newKey(), session: this.session, owner: this.owner, at: serverTime(), picture: frame };
    if (this.state.value === "login" && loginEnded.value) return this.#wait(captured);
    return this.#send(captured);
  }

  /** @param {waiting.Waiting} frame @returns {Promise<number>} */
  async #send(frame) {
    const begun = performance.now();
    try {
      const answer = await this.#post(frame);
      this.#answered(performance.now() - begun, answer);
      this.onAnswer(answer, begun, false);
      return Math.max(answer.advice?.interval ?? 0, this.emptyAnswers > IDLE_AFTER ? IDLE_GAP_MS : GAP_MS);
    } catch (problem) {
      return this.#failed(problem, frame);
    }
  }

  /** Send the frame that waits longest; whether that went well. */
  async #sendWaiting() {
    const frame = await this.#quietly(() => waiting.oldest(this.session));
    if (!frame) {
      this.queued.value = 0;
      return true;
    }
    try {
      const answer = await this.#post(frame);
      await this.#quietly(() => waiting.forget(frame.key));
      await this.#count();
      this.onAnswer(answer, 0, true);
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.isPassing || problem.status === 401) {
        this.#note(problem);
        return false;
      }
      // the session does not take it any more, or never did: sending it again does not help
      await this.#quietly(() => waiting.forget(frame.key));
      await this.#count();
      return true;
    }
  }

  /** @param {waiting.Waiting} frame @returns {Promise<any>} */
  #post(frame) {
    return request("POST", this.path, {
      ...this.options, body: frame.picture, type: "image/jpeg", timeout: FRAME_TIMEOUT_MS,
      headers: { ...this.options.headers, "Idempotency-Key": frame.key, "X-Captured-At": new Date(frame.at).toISOString() },
    });
  }

  /** @param {unknown} problem @param {waiting.Waiting} frame @returns {Promise<number>} */
  async #failed(problem, frame) {
    if (!(problem instanceof Problem)) throw problem;
    // captured a moment before the session was opened: the clocks differ by as much
    if (problem.code === "before_opening") return GAP_MS;
    this.#note(problem);
    if (this.state.value === "busy") return Math.max(1, problem.retryAfter) * 1000;
    if (this.state.value === "offline" || this.state.value === "login") return this.#wait(frame);
    return 0;
  }

  /** @param {Problem} problem */
  #note(problem) {
    if (problem.status === 401) this.state.value = this.isKiosk ? "ended" : "login"; // a kiosk has no login to come back
    else if (problem.status === 503 || problem.status === 429) this.state.value = problem.code === "model_not_found" ? "refused" : "busy";
    else if (problem.isPassing) this.state.value = "offline";
    else this.state.value = problem.status === 409 || problem.status === 404 ? "ended" : "refused";
    this.problem.value = problem;
  }

  /** @param {waiting.Waiting} frame */
  async #wait(frame) {
    if (this.running && frameOwners.value.includes(frame.owner)) await this.#quietly(() => waiting.keep(frame));
    await this.#count();
    // Logged in again: the next frame shows whether it goes on.
    if (!loginEnded.value && this.state.value === "login") this.state.value = "sending";
    return OFFLINE_GAP_MS;
  }

  /** @param {number} took milliseconds @param {{faces: any[], advice?: {width: number}}} answer advice: what the server can take */
  #answered(took, { faces, advice }) {
    this.state.value = "sending";
    this.problem.value = null;
    this.emptyAnswers = faces.length ? 0 : this.emptyAnswers + 1;
    const now = performance.now();
    this.latency.value = this.latency.value ? 0.8 * this.latency.value + 0.2 * took : took;
    const gap = now - this.answeredAt;
    if (this.answeredAt && gap > 0) this.rate.value = 0.8 * this.rate.value + 0.2 * (1000 / gap);
    this.answeredAt = now;
    if (now - this.sizedAt < SETTLE_MS) return;
    const at = WIDTHS.indexOf(this.width.value);
    const advised = advice?.width ?? WIDTHS[WIDTHS.length - 1];
    const isTooLarge = this.latency.value > SLOW_MS || WIDTHS[at] > advised;
    const next = isTooLarge ? at - 1 : this.latency.value < FAST_MS ? at + 1 : at;
    const most = Math.min(advised, this.video()?.videoWidth ?? WIDTHS[0]);
    if (next === at || next < 0 || next >= WIDTHS.length || (next > at && WIDTHS[at] >= most)) return;
    this.width.value = WIDTHS[next];
    this.sizedAt = now;
  }

  async #count() {
    this.queued.value = (await this.#quietly(() => waiting.count(this.session))) ?? 0;
  }

  /**
   * A browser without a database, as in some private windows, only loses the frames that would have waited.
   * @template T @param {() => Promise<T>} act @returns {Promise<T | undefined>}
   */
  async #quietly(act) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      throw error;
    }
  }
}

/** @param {number} milliseconds */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A new Idempotency-Key; crypto.randomUUID is there only on HTTPS and localhost. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
