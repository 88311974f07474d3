// @ts-check
// The frame of a screen: its title, what may be done there, and what stands in for data that is not there.
import { html, useEffect, useRef } from "../lib.js";
import { t } from "../texts.js";
import { Icon } from "./icon.js";

/**
 * A screen. Its heading takes the focus when it opens, so that a screen reader says where one is.
 * @param {{title: string, lead?: any, back?: {href: string, text: string}, actions?: any, children?: any}} props
 */
export function Page({ title, lead, back, actions, children }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    document.title = `${title} · SmartAttendance`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return html`<main class="page" id="main">
    <header class="page-head">
      <div class="titles">
        ${back && html`<p class="crumbs no-print"><a href=${back.href}>${back.text}</a></p>`}
        <h1 tabindex="-1" ref=${heading}>${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>
    ${children}
  </main>`;
}

/** @param {{items: {href: string, text: string, current: boolean}[], label: string}} props */
export function Tabs({ items, label }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const current = items.findIndex((item) => item.current);
  useEffect(() => {
    // on a phone they are wider than the screen
    element.current?.children[current]?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [current]);
  return html`<nav class="tabs" aria-label=${label} ref=${element}>
    ${items.map((item) => html`<a href=${item.href} aria-current=${item.current ? "page" : undefined}>${item.text}</a>`)}
  </nav>`;
}

/** Grey lines where data will be. @param {{rows?: number, height?: string}} props */
export function Skeleton({ rows = 4, height = "1.25em" }) {
  const lines = Array.from({ length: rows }, (_, index) => html`<span class="skeleton" style=${{
    height, width: index % 3 === 2 ? "70%" : "100%" }}></span>`);
  return html`<div role="status"><span class="visually-hidden">${t("load.loading")}</span>${lines}</div>`;
}

/** A screen that has nothing to show yet: what to do first, with the one button. @param {{title: string, text?: any, action?: any}} props */
export function Empty({ title, text, action }) {
  return html`<div class="empty"><h2>${title}</h2>${text && html`<p>${text}</p>`}${action && html`<div class="actions">${action}</div>`}</div>`;
}

/** Why something did not work, and how to go on. @param {{problem: any, retry?: () => unknown}} props */
export function ProblemNote({ problem, retry }) {
  if (!problem) return null;
  return html`<div class="note wrong" role="alert">
    <p><strong>${problem.message}</strong></p>
    ${problem.errors?.length > 0 && problem.errors.some((/** @type {any} */ each) => each.message !== problem.message) && html`<ul>
      ${problem.errors.slice(0, 20).map((/** @type {any} */ each) => html`<li>${each.field ? `${each.field}: ` : ""}${each.message}</li>`)}</ul>`}
    ${problem.requestId && problem.status >= 500 && html`<p class="small">${t("load.request_id", { id: problem.requestId })}</p>`}
    ${retry && html`<p><button type="button" class="secondary small" onClick=${retry}><${Icon} name="undo" size=${16} />${t("load.retry")}</button></p>`}
  </div>`;
}

/**
 * What is loaded, or what stands in for it: `children` is a function of the data.
 * @param {{from: import("../loading.js").Loaded<any>, rows?: number, skeleton?: any, children: (data: any) => any}} props
 */
export function Shown({ from, rows, skeleton, children }) {
  const render = /** @type {any} */ (Array.isArray(children) ? children[0] : children);
  if (from.data !== undefined) return html`<${ProblemNote} problem=${from.problem} retry=${from.reload} />${render(from.data)}`;
  if (from.problem) return html`<${ProblemNote} problem=${from.problem} retry=${from.reload} />`;
  return skeleton ?? html`<${Skeleton} rows=${rows} />`;
}
