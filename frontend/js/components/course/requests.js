// @ts-check
// Students on a roster who wait for an admin. Until one approves, they are on no sheet and no camera recognises them.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { getAll } from "../../loading.js";
import { isAdmin } from "../../state.js";
import { calendarDay } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { More, Table } from "../table.js";
import { toast, toastProblem } from "../toast.js";

const AT_ONCE = 100;

/** @param {{course: Api.Course, pages: any, mayEnrol: boolean, changed: () => Promise<unknown>}} props pages: see usePages */
export function Requests({ course, pages, mayEnrol, changed }) {
  const requests = /** @type {Api.EnrolmentRequest[]} */ (pages.data.items);
  const title = t(pages.isMore ? "requests.title_more" : "requests.title", { n: requests.length });
  const [busy, setBusy] = useState(false);
  const [left, setLeft] = useState(/** @type {Record<number, string>} */ ({}));
  /** @param {() => Promise<unknown>} act */
  const send = async (act) => {
    setBusy(true);
    try {
      await act();
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
    setBusy(false);
  };
  /** @param {Api.EnrolmentRequest} [one] default: all */
  const approve = (one) => send(async () => {
    const some = one ? [one] : await getAll("/enrolment-requests", { course_id: course.id });
    const ids = some.map((each) => each.id);
    let approved = 0;
    /** @type {Record<number, string>} */
    const failed = {};
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const done = await api.post("/enrolment-requests/approve", { ids: ids.slice(start, start + AT_ONCE) });
      approved += done.approved;
      for (const each of done.left) failed[each.request_id] = each.message;
    }
    setLeft(failed);
    if (approved > 0) toast(t("requests.approved", { n: approved }));
  });
  /** @param {Api.EnrolmentRequest} request */
  const refuse = async (request) => {
    const words = isAdmin.value ? "refuse" : "withdraw";
    if (!await confirm({ title: t(`requests.${words}_title`, { name: request.name }), text: html`<p>${t(`requests.${words}_text`, { by: request.requested_by })}</p>`, action: t(`requests.${words}`), danger: true })) return;
    await send(() => api.remove(`/enrolment-requests/${request.id}`));
  };
  return html`<section class="requests" aria-label=${title}>
    <div class="spread head"><div><h2>${title}</h2>
        <p class="quiet small measure">${t(isAdmin.value ? "requests.text_admin" : "requests.text")}</p></div>
      ${isAdmin.value && html`<button type="button" aria-busy=${busy} disabled=${busy} onClick=${() => approve()}>${t("requests.approve_all")}</button>`}</div>
    <${Table} label=${title} rows=${requests} rowClass=${() => "compact"} columns=${[
      { key: "name", title: t("roster.student"), head: true, show: (/** @type {Api.EnrolmentRequest} */ request) => html`${request.name}<span class="quiet small under">${request.external_id}${
        isAdmin.value && html` · ${known(request)}`}</span>${left[request.id] && html`<span class="small under wrong">${left[request.id]}</span>`}` },
      { key: "state", title: t("requests.state"), className: "side", show: () => html`<span class="badge warn"><span aria-hidden="true">…</span>${t("requests.waiting")}</span>` },
      { key: "days", title: t("roster.enrolled"), className: "below", show: (/** @type {Api.EnrolmentRequest} */ request) => html`<span class="quiet">${daysOf(request)} · ${t("requests.by", { name: request.requested_by, day: calendarDay(request.requested_at.slice(0, 10)) })}</span>` },
      ...(mayEnrol ? [{ key: "acts", title: "", end: true, className: "row", show: (/** @type {Api.EnrolmentRequest} */ request) => html`<span class="actions">
        ${isAdmin.value && html`<button type="button" class="link" disabled=${busy} aria-label=${t("requests.approve_one", { name: request.name })} onClick=${() => approve(request)}>${t("requests.approve")}</button>`}
        <button type="button" class="link" disabled=${busy} aria-label=${t(isAdmin.value ? "requests.refuse_one" : "requests.withdraw_one", { name: request.name })} onClick=${() => refuse(request)}>${t(isAdmin.value ? "requests.refuse" : "requests.withdraw")}</button></span>` }] : []),
    ]} /><${More} pages=${pages} />
  </section>`;
}

/** What an admin compares before approving. @param {Api.EnrolmentRequest} request */
function known(request) {
  if (!request.student) return t("requests.new");
  const isSame = request.student.name === request.name;
  return isSame ? t("requests.known") : html`<strong>${t("requests.known_as", { name: request.student.name })}</strong>`;
}

/** @param {Api.EnrolmentRequest} request */
function daysOf(request) {
  const from = calendarDay(request.starts_on), to = calendarDay(request.ends_on);
  return to ? t("roster.from_to", { from, to }) : t("roster.from", { from });
}
