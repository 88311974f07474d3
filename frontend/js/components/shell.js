// @ts-check
// What is around every screen: the header, where words appear, and the login that ended in the middle.
import { html, useEffect } from "../lib.js";
import { useEvery } from "../loading.js";
import { waitingMarks } from "../marking.js";
import { refreshReviewCount } from "../review/count.js";
import { t } from "../texts.js";
import { go, path } from "../router.js";
import { isThere } from "../routes.js";
import { isAdmin, isStaff, logOut, loginEnded, me, online, reviewCount, theme, unconfirmed } from "../state.js";
import { Brand, Icon } from "./icon.js";
import { Confirmation, Dialog, confirm } from "./dialog.js";
import { Menu } from "./menu.js";
import { Toasts } from "./toast.js";
import { LoginForm } from "./login_form.js";

const COUNT_SECONDS = 60;

/** @param {{bare?: boolean, children?: any}} props bare: without the header */
export function Shell({ bare, children }) {
  return html`
    ${!bare && html`<a class="skip-link" href="#main" onClick=${skip}>${t("shell.skip")}</a>`}
    ${!bare && me.value && html`<${Header} />`}
    ${!online.value && !bare && html`<div class="banner" role="status">${t("shell.offline")}</div>`}
    ${waitingMarks() > 0 && !bare && html`<div class="banner" role="status">${t("shell.not_saved", { n: waitingMarks() })}</div>`}
    ${children}
    <${Toasts} />
    <${Confirmation} />
    ${loginEnded.value && html`<${Dialog} title=${t("login.ended_title")}>
      <p>${t("login.ended_text")}</p>
      <${LoginForm} email=${me.value?.email} />
    </${Dialog}>`}`;
}

/** The address's # belongs to the router, so the jump is made by hand. @param {Event} event */
function skip(event) {
  event.preventDefault();
  const main = document.getElementById("main");
  main?.querySelector("h1")?.focus();
}

/** @returns {{href: string, text: string, count?: number | null}[]} */
function places() {
  return [
    { href: "/", text: t("nav.today") },
    { href: "/courses", text: t("nav.courses") },
    ...(isStaff.value ? [{ href: "/review", text: t("nav.review"), count: reviewCount.value }] : []),
    { href: "/students", text: t("nav.students") },
    { href: "/reports", text: t("nav.reports") },
  ].filter((place) => isThere(place.href));
}

/** @returns {{href: string, text: string}[]} */
function adminPlaces() {
  return [
    { href: "/training", text: t("nav.training") },
    { href: "/users", text: t("nav.users") },
    { href: "/privacy", text: t("nav.privacy") },
    { href: "/audit", text: t("nav.audit") },
    { href: "/settings", text: t("nav.settings") },
  ].filter((place) => isThere(place.href));
}

/** @param {string} href */
function current(href) {
  const here = path.value;
  return href === "/" ? here === "/" : here === href || here.startsWith(`${href}/`);
}

/** @param {{href: string, text: string, count?: number | null}} place */
function Place(place) {
  return html`<a href=${`#${place.href}`} aria-current=${current(place.href) ? "page" : undefined}>${place.text}
    ${place.count ? html`<span class="count"><span class="visually-hidden">${t("nav.waiting")} </span>${place.count}</span>` : null}</a>`;
}

function Header() {
  useEffect(() => { refreshReviewCount(); }, [me.value?.id]);
  useEvery(refreshReviewCount, COUNT_SECONDS);
  return html`<header class="site-header"><div class="bar">
    <${Menu} className="only-phone" left label=${t("nav.menu")} title=${html`<${Icon} name="menu" />`}>
      ${places().map(Place)}
      ${isAdmin.value && adminPlaces().length > 0 && html`<hr />${adminPlaces().map(Place)}`}
    </${Menu}>
    <a class="brand" href="#/"><${Brand} /><span>SmartAttendance</span></a>
    <nav aria-label=${t("nav.main")}>${places().map(Place)}</nav>
    ${isThere("/students") && html`<${Search} />`}
    ${isAdmin.value && adminPlaces().length > 0 && html`<${Menu} className="only-wide" label=${t("nav.admin")} title=${html`${t("nav.admin")}<${Icon} name="down" size=${16} />`}>${adminPlaces().map(Place)}</${Menu}>`}
    <${Menu} label=${t("nav.account")} title=${html`<${Icon} name="person" />`}>
      <div class="who"><strong>${me.value?.name}</strong><br /><span class="quiet small">${me.value?.email} · ${t(`role.${me.value?.role}`)}</span></div>
      <hr />
      ${isThere("/account") && html`<a href="#/account">${t("nav.your_account")}</a>`}
      ${isStaff.value && isThere("/kiosk") && html`<a href="#/kiosk">${t("nav.kiosk")}</a>`}
      <button type="button" onClick=${nextTheme}><${Icon} name="sun" size=${18} />${t(`theme.${theme.value || "system"}`)}</button>
      <a href="/api/docs/" target="_blank" rel="noopener">${t("nav.api")}</a>
      <hr />
      <button type="button" onClick=${leave}>${t("nav.log_out")}</button>
    </${Menu}>
  </div></header>`;
}

async function leave() {
  const n = unconfirmed.value;
  if (n > 0 && !(await confirm({ title: t("shell.leave_title"), text: html`<p>${t("shell.leave_text", { n })}</p>`, action: t("nav.log_out"), danger: true }))) return;
  await logOut();
}

function nextTheme() {
  theme.value = { "": "light", light: "dark", dark: "" }[theme.value] ?? "";
}

function Search() {
  /** @param {Event} event */
  const submitted = (event) => {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (/** @type {HTMLFormElement} */ (event.target).elements.namedItem("q"));
    go(`/students?q=${encodeURIComponent(field.value.trim())}`);
    field.value = "";
  };
  return html`<form class="search only-wide" role="search" onSubmit=${submitted}>
    <input type="search" name="q" aria-label=${t("nav.search")} placeholder=${t("nav.search")} />
  </form>`;
}
