// @ts-check
// The doubtful faces that wait for a decision: one is shown, a decision brings the next at once and can be taken back.
import { useEffect, useRef, useSignal } from "../lib.js";
import * as api from "../api.js";
import { getAll, useEvery } from "../loading.js";
import { confirmed } from "../marking.js";
import { t } from "../texts.js";
import { toast, toastProblem } from "../components/toast.js";
import { countChanged } from "./count.js";

const RELOAD_SECONDS = 5;

/**
 * @typedef {Object} Queue
 * @property {Api.ReviewItem[] | undefined} items undefined until they came
 * @property {number} at which of them is shown, from 0
 * @property {api.Problem | null} problem
 * @property {() => Promise<void>} reload
 * @property {(step: number) => void} move
 * @property {(item: Api.ReviewItem, resolution: "student" | "stranger" | "dismissed", student?: Api.StudentReference) => Promise<void>} decide
 * @property {() => void} undo takes the latest decision back
 */

/** @param {{session_id: string | null, course_id: string | null}} filter @returns {Queue} */
export function useQueue(filter) {
  const items = useSignal(/** @type {Api.ReviewItem[] | undefined} */ (undefined));
  const at = useSignal(0);
  const problem = useSignal(/** @type {api.Problem | null} */ (null));
  /** What was decided here, by id: the version it has then. An answer that is older must not bring it back. */
  const decided = useRef(/** @type {Map<number, number>} */ (new Map()));
  /** What the server may have got without our hearing of it, by id. */
  const tried = useRef(/** @type {Map<number, {resolution: string, student?: Api.StudentReference}>} */ (new Map()));
  const latest = useRef(/** @type {Api.ReviewItem[]} */ ([]));
  const running = useRef(/** @type {AbortController | null} */ (null));

  /** @param {Api.ReviewItem[]} next @param {number} place */
  const show = (next, place) => {
    items.value = next;
    at.value = Math.max(0, Math.min(place, next.length - 1));
  };
  /** @param {Api.ReviewItem} item @returns {number} where it was */
  const takeOut = (item) => {
    const now = items.value ?? [];
    const place = now.findIndex((each) => each.id === item.id);
    if (place >= 0) show(now.filter((each) => each.id !== item.id), place < at.value ? at.value - 1 : at.value);
    return Math.max(0, place);
  };
  /** Put it in again, and show it. @param {Api.ReviewItem} item @param {number} place */
  const putBack = (item, place) => {
    decided.current.delete(item.id);
    const now = (items.value ?? []).filter((each) => each.id !== item.id);
    show([...now.slice(0, place), item, ...now.slice(place)], Math.min(place, now.length));
  };

  async function reload() {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    let found;
    try {
      found = await getAll("/review", { ...filter, open: true }, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof api.Problem)) throw error;
      problem.value = error;
      return;
    }
    if (mine.signal.aborted) return;
    problem.value = null;
    const shown = items.value?.[at.value];
    const next = found.filter((/** @type {Api.ReviewItem} */ each) => (decided.current.get(each.id) ?? 0) < each.version);
    const place = next.findIndex((/** @type {Api.ReviewItem} */ each) => each.id === shown?.id);
    show(next, place < 0 ? at.value : place);
    if (shown && place < 0) await settledElsewhere(shown);
  }

  /** Say what became of an item that is no longer open; true when it is open after all, and shown again.
   * @param {Api.ReviewItem} item */
  async function settledElsewhere(item) {
    try {
      const now = /** @type {Api.ComparedItem} */ (await api.get(`/review/${item.id}`));
      if (now.resolution === null) {
        putBack(now, at.value);
        toast(t("review.changed"), { seconds: 10 });
        return true;
      }
      const mine = tried.current.get(item.id);
      if (mine && now.version === item.version + 1 && now.resolution === mine.resolution && now.student?.id === mine.student?.id) {
        done(now); // its answer was lost on the way
        return false;
      }
      toast(t(`review.elsewhere_${now.resolution}`, { name: now.student?.name ?? "" }), { seconds: 10 });
    } catch (error) {
      // it is asked for again, and shown again if it is still open
      decided.current.delete(item.id);
      toastProblem(error);
    }
    return false;
  }

  /** @type {Queue["decide"]} */
  async function decide(item, resolution, student) {
    // a second key before the next face was drawn
    if (!items.value?.includes(item)) return;
    decided.current.set(item.id, item.version + 1);
    running.current?.abort();
    const place = takeOut(item);
    countChanged(-1);
    try {
      const body = { resolution, ...(student ? { student_id: student.id } : {}) };
      done(await confirmed(api.post(`/review/${item.id}/resolve`, body, { version: item.version })));
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      const isOthers = error.status === 412 || error.code === "already_resolved";
      if (isOthers && !(await settledElsewhere(item))) return;
      countChanged(1);
      if (isOthers) return;
      if (error.isPassing) tried.current.set(item.id, { resolution, student });
      putBack(item, place);
      toastProblem(error);
    }
  }

  /** @param {Api.ReviewItem} saved */
  function done(saved) {
    tried.current.delete(saved.id);
    latest.current.push(saved);
    toast(t(`review.decided_${saved.resolution}`, { name: saved.student?.name ?? "" }), { undo: () => takeBack(saved) });
  }

  /** @param {Api.ReviewItem} saved */
  async function takeBack(saved) {
    if (!latest.current.includes(saved)) return;
    latest.current = latest.current.filter((each) => each !== saved);
    try {
      const open = await confirmed(api.post(`/review/${saved.id}/undo`, undefined, { version: saved.version }));
      countChanged(1);
      putBack(open, at.value);
      toast(t("review.undone"));
    } catch (error) {
      if (error instanceof api.Problem && (error.isPassing || error.status === 401)) latest.current.push(saved);
      toastProblem(error);
    }
  }

  useEffect(() => {
    items.value = undefined;
    at.value = 0;
    reload();
    return () => running.current?.abort();
  }, [filter.session_id, filter.course_id]);
  useEvery(reload, RELOAD_SECONDS);

  return {
    items: items.value, at: at.value, problem: problem.value, reload, decide,
    move: (step) => { at.value = Math.max(0, Math.min((items.value?.length ?? 1) - 1, at.value + step)); },
    undo: () => {
      const last = latest.current.at(-1);
      if (last) takeBack(last);
      else toast(t("review.nothing_to_undo"));
    },
  };
}
