// @ts-check
// Marks set by hand. They are shown at once. A mark that cannot be sent is shown as not saved, and is sent again until the
// server accepts or refuses it, whichever screen is open by then.
import { batch, effect, signal } from "./lib.js";
import * as api from "./api.js";
import { loginEnded, me, unconfirmed } from "./state.js";
import { t } from "./texts.js";
import { toast, toastProblem } from "./components/toast.js";

const RETRY_MS = 3000;

/**
 * @typedef {Object} Unsaved
 * @property {Api.Record} record as the server had it
 * @property {string} status what it is to become
 * @property {string} reason
 * @property {string} said once it is saved
 * @property {string} at when it was set
 * @property {boolean} isWaiting an attempt to save it has failed
 * @property {string[]} tried statuses that were sent without an answer: the server may have saved one of them
 * @property {Promise<void> | null} sending
 */
/** @typedef {Api.Record & {isWaiting?: boolean}} Shown isWaiting: not saved yet */

/** By record. @type {import("./types.js").Signal<Map<number, Unsaved>>} */
const unsaved = signal(new Map());
/** The newest known version of each record, by id: an answer that arrives later may be older.
 * @type {import("./types.js").Signal<Map<number, Partial<Api.Record> & {id: number, version: number}>>} */
const newest = signal(new Map());
let timer = 0;
/** @type {number | undefined} */
let owner;

/** How many marks wait because they could not be saved. */
export const waitingMarks = () => [...unsaved.value.values()].filter((mark) => mark.isWaiting).length;

/** The records as they are to be shown. @param {Api.Record[]} records @returns {Shown[]} */
export function shownRecords(records) {
  return records.map((record) => {
    const known = newest.value.get(record.id);
    const now = known && known.version > record.version ? { ...record, ...known } : record;
    const mark = unsaved.value.get(record.id);
    return mark ? { ...now, status: /** @type {any} */ (mark.status), source: "manual", updated_at: mark.at, isWaiting: mark.isWaiting } : now;
  });
}

/** Remember what the server has just said about a record. @param {Partial<Api.Record> & {id: number, version: number}} record */
export function learn(record) {
  const known = newest.value.get(record.id);
  if (!known || known.version < record.version) newest.value = new Map(newest.value).set(record.id, { ...known, ...record });
}

/** Set a mark. @param {Api.Record} record as it is shown @param {string} status @param {string} reason @param {string} [said] once it is saved */
export function setMark(record, status, reason, said) {
  const before = unsaved.value.get(record.id);
  const mark = {
    record: before?.record ?? record, status, reason, said: said ?? t("sheet.marked", { name: record.student.name, status: t(`status.${status}`) }),
    at: new Date(api.serverTime()).toISOString(), isWaiting: before?.isWaiting ?? false, tried: before?.tried ?? [], sending: before?.sending ?? null,
  };
  put(mark);
  // if one is being sent, sent() goes on with this one
  if (!mark.sending) send(mark);
}

/** Undo the last change of a record. @param {Api.Record} record */
export async function takeBack(record) {
  try {
    learn(await confirmed(api.patch(`/records/${record.id}`, { reason_code: "undo" }, { version: record.version })));
  } catch (problem) {
    await look(record.id);
    if (problem instanceof api.Problem && problem.status === 412) sayConflict(record);
    else if (problem instanceof api.Problem && problem.isPassing) toast(problem.message, { seconds: 10, undo: () => takeBack(record) });
    else toastProblem(problem);
  }
}

/** Change a mark for a reason that is given in words; throws Problem. @param {Api.Record} record @param {Api.CorrectionFields} fields */
export async function correct(record, fields) {
  await unsaved.value.get(record.id)?.sending;
  const version = Math.max(record.version, newest.value.get(record.id)?.version ?? 0);
  try {
    const saved = await confirmed(api.patch(`/records/${record.id}`, fields, { version }));
    settle([saved]);
    toast(t("sheet.marked", { name: record.student.name, status: t(`status.${saved.status}`) }), { undo: () => takeBack(saved) });
  } catch (problem) {
    await look(record.id);
    if (problem instanceof api.Problem && problem.status === 412) throw new api.Problem(412, problem.code, t("sheet.conflict", { name: record.student.name }));
    throw problem;
  }
}

/** Set many marks of a session, all of them or none; throws Problem. @param {number} session @param {Api.Record[]} records @param {string} status @param {string} reason */
export async function setMarks(session, records, status, reason) {
  await Promise.all(records.map((record) => unsaved.value.get(record.id)?.sending));
  const items = records.map((record) => ({ record_id: record.id, status, version: Math.max(record.version, newest.value.get(record.id)?.version ?? 0) }));
  settle(await confirmed(api.post(`/sessions/${session}/records/bulk`, { items, reason_code: reason })));
}

/** Until this is done, the browser asks before it closes the tab. @template T @param {Promise<T>} change @returns {Promise<T>} */
export async function confirmed(change) {
  unconfirmed.value += 1;
  try {
    return await change;
  } finally {
    unconfirmed.value -= 1;
  }
}

/** @param {Unsaved} mark */
function put(mark) {
  if (!unsaved.value.has(mark.record.id)) unconfirmed.value += 1;
  unsaved.value = new Map(unsaved.value).set(mark.record.id, mark);
}

/** @param {number} id */
function drop(id) {
  if (!unsaved.value.has(id)) return;
  const left = new Map(unsaved.value);
  left.delete(id);
  unsaved.value = left;
  unconfirmed.value -= 1;
}

/** The server has saved these marks: drop what was waiting for them. @param {Api.Record[]} saved */
function settle(saved) {
  batch(() => {
    for (const record of saved) {
      drop(record.id);
      learn(record);
    }
  });
}

/** @param {Unsaved} mark */
function send(mark) {
  put({ ...mark, sending: sent(mark) });
}

/** @param {Unsaved} mark */
async function sent({ record, status, reason, said, tried }) {
  const who = owner;
  /** @type {Api.Record | null} */
  let saved = null;
  /** @type {api.Problem | null} */
  let problem = null;
  try {
    saved = await api.patch(`/records/${record.id}`, { status, reason_code: reason }, { version: record.version });
  } catch (error) {
    if (!(error instanceof api.Problem)) {
      drop(record.id);
      throw error;
    }
    problem = error;
  }
  if (who !== owner) return;
  if (problem?.status === 412 && tried.length) {
    // an answer was lost: the change that conflicts may be our own
    const now = await look(record.id);
    if (who !== owner) return;
    if (!now) problem = new api.Problem(0, "network", problem.message);
    else if (now.version === record.version + 1 && now.source === "manual" && tried.includes(now.status)) [saved, problem] = [now, null];
  }
  const wanted = unsaved.value.get(record.id);
  if (!wanted) return;
  if (saved) {
    learn(saved);
    // another status has been chosen meanwhile
    if (wanted.status !== saved.status) return send({ ...wanted, record: saved, isWaiting: false, tried: [] });
    drop(record.id);
    const done = saved;
    toast(wanted.said || said, { undo: () => takeBack(done) });
  } else if (problem && (problem.isPassing || problem.status === 401)) {
    put({ ...wanted, isWaiting: true, tried: [...tried, status], sending: null });
    timer ||= setTimeout(sendAgain, Math.max(RETRY_MS, problem.retryAfter * 1000));
  } else if (problem) {
    // show the current mark before the message that speaks of it
    const refused = problem;
    if (refused.status !== 412 || !tried.length) await look(record.id);
    drop(record.id);
    if (refused.status === 412) sayConflict(record);
    else toast(t("sheet.not_saved", { name: record.student.name, why: refused.message }), { seconds: 10 });
  }
}

function sendAgain() {
  clearTimeout(timer);
  timer = 0;
  const waiting = [...unsaved.value.values()].filter((mark) => mark.isWaiting && !mark.sending);
  if (loginEnded.value) return; // they are sent after the next login
  for (const mark of waiting) send(mark);
}

/** The record as the server has it now; null if that cannot be found out. @param {number} id @returns {Promise<Api.Record | null>} */
async function look(id) {
  try {
    const record = /** @type {Api.Record} */ (await api.get(`/records/${id}`));
    learn(record);
    return record;
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    return null;
  }
}

/** @param {Api.Record} record */
const sayConflict = (record) => toast(t("sheet.conflict", { name: record.student.name }), { seconds: 10 });

addEventListener("online", sendAgain);
effect(() => {
  if (!loginEnded.value) setTimeout(sendAgain);
});
effect(() => {
  const now = me.value?.id;
  if (now === owner) return;
  owner = now;
  // one person's marks must not be sent in another's name
  setTimeout(() => batch(() => {
    const lost = unsaved.value.size;
    for (const id of [...unsaved.value.keys()]) drop(id);
    newest.value = new Map();
    if (lost) toast(t("sheet.lost", { n: lost }), { seconds: 10 });
  }));
});
