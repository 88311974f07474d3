// @ts-check
// What the whole page shares: who is logged in, whether the network is there, the theme.
import { computed, effect, signal } from "./lib.js";
import * as api from "./api.js";

/**
 * @typedef {Object} Me
 * @property {number} id
 * @property {string} name
 * @property {string} email
 * @property {"admin" | "instructor" | "viewer"} role
 * @property {boolean} may_create_courses
 */

const FORGET_MS = 60_000;

/** Who is logged in; null when nobody is; undefined until the server has said. @type {import("./types.js").Signal<Me | null | undefined>} */
export const me = signal(undefined);

/** Whether the login ended while a screen was open, which stays as it is below the dialog. */
export const loginEnded = signal(false);

/** Whether the browser has a network. A server that does not answer shows where it is asked. */
export const online = signal(navigator.onLine);

/** How many doubtful faces wait for a decision; null until known. @type {import("./types.js").Signal<number | null>} */
export const reviewCount = signal(null);

/** How many changes the server has not confirmed: while there are some, closing the tab asks first. */
export const unconfirmed = signal(0);

export const isAdmin = computed(() => me.value?.role === "admin");
/** Whether they may change marks, rosters and faces. */
export const isStaff = computed(() => me.value?.role === "admin" || me.value?.role === "instructor");

/** "light", "dark", or "" for what the system says. */
export const theme = signal(stored("theme"));

addEventListener("online", () => (online.value = true));
addEventListener("offline", () => (online.value = false));
api.onLoginEnded(() => {
  if (me.value) loginEnded.value = true;
});

/** @param {BeforeUnloadEvent} event */
const askFirst = (event) => event.preventDefault();
effect(() => {
  if (unconfirmed.value > 0) addEventListener("beforeunload", askFirst);
  else removeEventListener("beforeunload", askFirst);
});

effect(() => {
  const wanted = theme.value || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = wanted;
  store("theme", theme.value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
  if (!theme.value) document.documentElement.dataset.theme = event.matches ? "dark" : "light";
});

/** Ask the server who is logged in. Throws Problem when it does not answer. */
export async function findMe() {
  try {
    logIn(await api.get("/auth/me", undefined, { quiet: true }));
  } catch (problem) {
    if (!(problem instanceof api.Problem) || problem.status !== 401) throw problem;
    me.value = null;
  }
}

/** @param {Me & {csrf_token: string}} found the answer of /auth/me, /auth/login or /auth/redeem */
export function logIn(found) {
  api.carryToken(found.csrf_token);
  // another person's screens must not stay below the dialog
  if (me.value && me.value.id !== found.id) location.hash = "#/";
  me.value = found;
  loginEnded.value = false;
}

/** The secret of the kiosk that this device is; "" when it is none. */
export const kioskSecret = signal(stored("kiosk"));
effect(() => store("kiosk", kioskSecret.value));

/** Whose pictures may wait in this browser for the network. */
export const frameOwners = computed(() => [...(me.value ? [`user ${me.value.id}`] : []), ...(kioskSecret.value ? ["kiosk"] : [])]);

/** Pictures that waited go when they are too old, and when whoever took them is gone. @param {string[] | null} owners null: whoever took them */
const forgetFrames = (owners) => import("./live/frame_queue.js").then((queue) => queue.forgetUnless(owners)).catch(() => {});
// who is there the server says first
effect(() => { forgetFrames(me.value === undefined ? null : frameOwners.value); });
// another tab may know better who is there now
setInterval(() => forgetFrames(null), FORGET_MS);

/** From now on this device is a kiosk, and nobody's login is left on it. @param {string} secret */
export async function becomeKiosk(secret) {
  kioskSecret.value = secret;
  await api.post("/auth/logout", undefined, { quiet: true }).catch(() => {});
  api.carryToken(null);
  me.value = null;
  loginEnded.value = false;
}

export async function logOut() {
  try {
    await api.post("/auth/logout", undefined, { quiet: true });
  } finally {
    api.carryToken(null);
    me.value = null;
    loginEnded.value = false;
    reviewCount.value = null;
    location.hash = "#/";
  }
}

/** A remembered choice of this browser, such as a camera; "" when there is none. @param {string} name */
export function stored(name) {
  try {
    return localStorage.getItem(`smartattendance.${name}`) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

/** @param {string} name @param {string} value "" forgets it */
export function store(name, value) {
  try {
    if (value) localStorage.setItem(`smartattendance.${name}`, value);
    else localStorage.removeItem(`smartattendance.${name}`);
  } catch {
    // a choice that is not remembered harms nobody
  }
}
