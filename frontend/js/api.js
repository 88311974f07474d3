// @ts-check
// The only module that calls fetch. Every refusal becomes a Problem, whose `code` is stable and whose `message` is for people.
import { t } from "./texts.js";

/**
 * @typedef {Object} FieldProblem
 * @property {string} [field]
 * @property {number} [row]
 * @property {string} message
 */

/** A request that was refused, or that did not reach the server. */
export class Problem extends Error {
  /**
   * @param {number} status HTTP status; 0 when no answer came
   * @param {string} code stable, for programs; "network" when no answer came
   * @param {string} message for people
   * @param {{errors?: FieldProblem[], requestId?: string, retryAfter?: number, body?: any}} [more] retryAfter: seconds
   */
  constructor(status, code, message, more = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = more.errors ?? [];
    this.requestId = more.requestId ?? "";
    this.retryAfter = more.retryAfter ?? 0;
    this.body = more.body ?? null;
  }

  /** Whether trying again later may help: no network, a busy server. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

const meta = document.querySelector('meta[name="smartattendance-api"]');
const ORIGIN = (meta?.getAttribute("content") ?? "").replace(/\/$/, "");
const BASE = `${ORIGIN}/api/v1`;

let csrfToken = "";
/** How far the server's clock is ahead of this machine's, milliseconds; by the Date of its answers, which has seconds. */
let ahead = 0;
/** @type {(problem: Problem) => void} */
let loginEnded = () => {};

/** What the server's clock shows now, milliseconds since 1970: clocks of classroom machines are often wrong. */
export const serverTime = () => Date.now() + ahead;

/** @param {string | null} token of the answer to /auth/me, /auth/login or /auth/redeem */
export function carryToken(token) {
  csrfToken = token ?? "";
}

/** @param {(problem: Problem) => void} act called whenever a request was refused because nobody is logged in */
export function onLoginEnded(act) {
  loginEnded = act;
}

/**
 * @typedef {Object} Options
 * @property {Record<string, any>} [query] empty values are left out; lists are repeated
 * @property {any} [json] sent as application/json
 * @property {BodyInit} [body] sent as it is; its type by `type`, FormData sets its own
 * @property {string} [type] content type of `body`
 * @property {number | string} [version] sent as If-Match
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {number} [timeout] milliseconds, default 30000
 * @property {boolean} [quiet] a missing login is only thrown, not also told to the page
 */

/**
 * The answer's JSON, or null when it has none. Throws Problem; an abort by `signal` throws its own reason.
 * @param {string} method
 * @param {string} path below /api/v1, such as "/courses"
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, options = {}) {
  const answer = await send(method, path, options);
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    // cut short on its way, or the page of somebody in between, such as a network's login: it may be done or not
    throw new Problem(0, "network", t("api.network"));
  }
}

/** @param {string} path @param {Record<string, any>} [query] @param {Options} [options] @returns {Promise<any>} */
export const get = (path, query, options) => request("GET", path, { query, ...options });
/** @param {string} path @param {any} [json] @param {Options} [options] @returns {Promise<any>} */
export const post = (path, json, options) => request("POST", path, { json, ...options });
/** @param {string} path @param {any} [json] @param {Options} [options] @returns {Promise<any>} */
export const put = (path, json, options) => request("PUT", path, { json, ...options });
/** @param {string} path @param {any} [json] @param {Options} [options] @returns {Promise<any>} */
export const patch = (path, json, options) => request("PATCH", path, { json, ...options });
/** @param {string} path @param {Options} [options] @returns {Promise<any>} */
export const remove = (path, options) => request("DELETE", path, options);

/**
 * A file of the server, such as an image, as a Blob.
 * @param {string} path @param {Options} [options]
 */
export async function getBlob(path, options = {}) {
  return (await send("GET", path, options)).blob();
}

/** The address of something that the browser fetches by itself: an image or a download.
 * @param {string} path @param {Record<string, any>} [query] */
export function addressOf(path, query) {
  return `${BASE}${path}${queryString(query)}`;
}

/**
 * @param {string} method @param {string} path @param {Options} options
 * @returns {Promise<Response>}
 */
async function send(method, path, options) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json, application/problem+json", ...options.headers };
  let body = options.body;
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.json);
  } else if (options.type) {
    headers["Content-Type"] = options.type;
  }
  if (options.version !== undefined) headers["If-Match"] = `"${options.version}"`;
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  const timeout = AbortSignal.timeout(options.timeout ?? 30000);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let answer;
  try {
    answer = await fetch(`${BASE}${path}${queryString(options.query)}`, {
      method, headers, body, signal, credentials: ORIGIN ? "include" : "same-origin",
    });
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw new Problem(0, "network", t(timeout.aborted ? "api.timeout" : "api.network"));
  }
  keepTime(answer);
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401 && !options.quiet) loginEnded(problem);
  throw problem;
}

/** @param {Response} answer */
function keepTime(answer) {
  const date = Date.parse(answer.headers.get("Date") ?? "");
  // between the whole second that it names and the next
  const [least, most] = [date - Date.now(), date + 1000 - Date.now()];
  if (date && (ahead < least - 500 || ahead > most + 500)) ahead = (least + most) / 2;
}

/** @param {Response} answer @returns {Promise<Problem>} */
async function problemOf(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    // a proxy's own page, or nothing at all
  }
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  const message = body?.detail ? sentence(body.detail) : t("api.unreadable", { status: answer.status });
  return new Problem(answer.status, body?.code ?? "unreadable", message, {
    errors: body?.errors, requestId: body?.request_id, retryAfter: wait, body,
  });
}

/** @param {string} text the server's own words, which begin small and have no full stop */
function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** @param {Record<string, any>} [query] */
function queryString(query) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") given.append(name, String(each));
    }
  }
  const text = given.toString();
  return text ? `?${text}` : "";
}
