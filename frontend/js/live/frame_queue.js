// @ts-check
// Frames that wait for the network, in the browser's own database: a reload or a crash does not lose them. They are
// pictures of people, so they go as soon as they are sent, when they are too old to count, and with who took them.
import { serverTime } from "../api.js";

/** @typedef {{key: string, session: number, owner: string, at: number, picture: Blob}} Waiting key: Idempotency-Key.
 *   owner: who took it, see frameOwners. at: milliseconds since 1970, by the server's clock */

const DATABASE = "smartattendance-frames";
const STORE = "frames";
const INDEX = "session";
/** With one frame in two seconds, ten minutes; beyond that the oldest go. */
const MOST = 300;
/** Nobody reopens a session to send frames of hours ago. */
const OLDEST_MS = 2 * 3600 * 1000;

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

/** @returns {Promise<IDBDatabase>} */
function open() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" }).createIndex(INDEX, ["session", "at"]);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

/**
 * @template T
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T>}
 */
async function within(mode, act) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const asked = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {number} session */
const ofSession = (session) => IDBKeyRange.bound([session, 0], [session, Infinity]);

/** Keep a frame until it can be sent. @param {Waiting} frame */
export async function keep(frame) {
  await within("readwrite", (store) => store.put(frame));
  const keys = await within("readonly", (store) => store.index(INDEX).getAllKeys(ofSession(frame.session)));
  for (const key of keys.slice(0, Math.max(0, keys.length - MOST))) await forget(String(key));
}

/** The frame of a session that waits longest. @param {number} session @returns {Promise<Waiting | undefined>} */
export async function oldest(session) {
  const [found] = await within("readonly", (store) => store.index(INDEX).getAll(ofSession(session), 1));
  return found;
}

/** @param {number} session @returns {Promise<number>} */
export async function count(session) {
  return within("readonly", (store) => store.index(INDEX).count(ofSession(session)));
}

/** @param {string} key */
export async function forget(key) {
  await within("readwrite", (store) => store.delete(key));
}

/** Drop what is too old, and what others than `owners` took. @param {string[] | null} owners null: whoever took it */
export async function forgetUnless(owners) {
  /** @type {Waiting[]} */
  const all = await within("readonly", (store) => store.getAll());
  for (const { key, at, owner } of all) {
    // of the future: a clock was wrong, and it would stay for longer
    const isCurrent = Math.abs(serverTime() - at) <= OLDEST_MS;
    if (!isCurrent || (owners && !owners.includes(owner))) await forget(key);
  }
}
