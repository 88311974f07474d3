// @ts-check
// Which screen an address opens; each is fetched when it is first needed.

/** @type {import("./types.js").Route[]} */
export const ROUTES = [
  { path: "/redeem/:secret", load: () => import("./pages/redeem.js"), open: true, bare: true },
  { path: "/", load: () => import("./pages/today.js") },
];
