// @ts-check
// Data of a screen: read when it opens, shown again at once, read anew when something has changed.
import { useCallback, useEffect, useRef, useState } from "./lib.js";
import * as api from "./api.js";

/**
 * @template T
 * @typedef {Object} Loaded
 * @property {T | undefined} data undefined until it came
 * @property {api.Problem | null} problem why it did not come, or not anew
 * @property {boolean} loading
 * @property {() => Promise<void>} reload
 * @property {(change: (data: T) => T) => void} change what is shown, at once, before the server confirms it
 */

/**
 * What `read` answers; read again when a part of `inputs` changes. An answer that was overtaken is dropped.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} read
 * @param {any[]} inputs
 * @returns {Loaded<T>}
 */
export function useLoaded(read, inputs) {
  const [state, setState] = useState(/** @type {{data: T | undefined, problem: api.Problem | null, loading: boolean}} */ (
    { data: undefined, problem: null, loading: true }));
  const running = useRef(/** @type {AbortController | null} */ (null));
  const latest = useRef(read);
  latest.current = read;

  const load = useCallback(async () => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    setState((now) => ({ ...now, loading: true }));
    try {
      const data = await latest.current(mine.signal);
      if (!mine.signal.aborted) setState({ data, problem: null, loading: false });
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof api.Problem)) throw error;
      setState((now) => ({ ...now, problem: error, loading: false }));
    }
  }, []);

  useEffect(() => {
    setState({ data: undefined, problem: null, loading: true });
    load();
    return () => running.current?.abort();
  }, inputs);

  const change = useCallback((/** @type {(data: T) => T} */ apply) => {
    setState((now) => (now.data === undefined ? now : { ...now, data: apply(now.data) }));
  }, []);
  return { ...state, reload: load, change };
}

/** GET of a path. @param {string} path @param {Record<string, any>} [query] @returns {Loaded<any>} */
export function useGet(path, query) {
  return useLoaded((signal) => api.get(path, query, { signal }), [path, JSON.stringify(query ?? {})]);
}

/**
 * A list that comes in pages, the first at once, more on demand.
 * @param {string} path @param {Record<string, any>} [query]
 * @returns {Loaded<{items: any[], next_cursor: string | null}> & {more: () => Promise<void>, isMore: boolean}}
 */
export function usePages(path, query) {
  const loaded = useGet(path, query);
  const cursor = loaded.data?.next_cursor ?? null;
  const more = async () => {
    const next = await api.get(path, { ...query, cursor });
    loaded.change((now) => ({ ...next, items: [...now.items, ...next.items] }));
  };
  return { ...loaded, more, isMore: cursor !== null };
}

/** Every item of a list that comes in pages. @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
export async function getAll(path, query, signal) {
  const items = [];
  let cursor = null;
  do {
    const page = await api.get(path, { limit: 200, ...query, cursor }, { signal });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

/** Run `act` every `seconds` while the screen is open and visible. @param {() => unknown} act @param {number | null} seconds null: not at all */
export function useEvery(act, seconds) {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (seconds === null) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}
