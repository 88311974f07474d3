// @ts-check
// What can be done with a session, by the state that it is in.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { clock, day, isoDay, span } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { SessionState } from "../marks.js";
import { toast, toastProblem } from "../toast.js";
import { momentsOf, SessionTimes } from "./session_times.js";

/** @param {{session: Api.Session, isLead: boolean, changed: () => unknown, onClose: () => void}} props */
export function SessionDialog({ session, isLead, changed, onClose }) {
  const [isCancelling, setIsCancelling] = useState(false);
  const when = `${day(session.starts_at, session.timezone)}, ${span(session.starts_at ?? "", session.ends_at ?? "", session.timezone)}`;
  /** Do it, close, show what became of it. @param {() => Promise<unknown>} act @param {string} said */
  const finish = async (act, said) => {
    try {
      await act();
    } catch (problem) {
      // what is listed is old: somebody else was here
      if (problem instanceof api.Problem && (problem.status === 412 || problem.status === 409)) changed();
      throw problem;
    }
    onClose();
    await changed();
    toast(said);
  };
  const isOpen = session.state === "scheduled" || session.state === "open";
  return html`<${Dialog} title=${when} onClose=${onClose}>
    <p><${SessionState} state=${session.state} /> <a href=${`#/sessions/${session.id}`}>${t("session.to_sheet")}</a></p>
    ${isOpen && !isCancelling && html`<${Change} session=${session} finish=${finish} cancel=${() => setIsCancelling(true)} />`}
    ${isOpen && isCancelling && html`<${Cancel} session=${session} finish=${finish} back=${() => setIsCancelling(false)} />`}
    ${!isOpen && isLead && html`<${Reopen} session=${session} finish=${finish} />`}
  </${Dialog}>`;
}

/** @typedef {(act: () => Promise<unknown>, said: string) => Promise<void>} Finish */

/** @param {{session: Api.Session, finish: Finish, cancel: () => void}} props */
function Change({ session, finish, cancel }) {
  const zone = session.timezone;
  const start = session.starts_at ?? "";
  const before = { title: session.title ?? "", date: isoDay(new Date(start), zone), start: clock(start, zone), end: clock(session.ends_at, zone),
    late: Math.round((Date.parse(session.late_after ?? "") - Date.parse(start)) / 60000) };
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    const given = /** @type {Record<string, any>} */ ({ date: before.date, starts_at: before.start, ...values });
    const sameTimes = given.date === before.date && given.starts_at === before.start && given.ends_at === before.end && given.late_after === before.late;
    const changes = /** @type {Api.SessionFields} */ (sameTimes ? { title: String(given.title).trim() } : momentsOf(given, zone));
    if (session.state === "open") delete changes.starts_at;
    await finish(() => api.patch(`/sessions/${session.id}`, changes, { version: session.version }), t("session.saved"));
  };
  return html`<${Form} onSubmit=${submitted} submit=${t("session.save")}
      actions=${html`<button type="button" class="secondary danger" onClick=${cancel}>${t("session.cancel")}</button>`}>
    <${SessionTimes} times=${before} zone=${zone} fixedStart=${session.state === "open"} />
  </${Form}>`;
}

/** @param {{session: Api.Session, finish: Finish, back: () => void}} props */
function Cancel({ session, finish, back }) {
  return html`<${Form} danger submit=${t("session.cancel")} actions=${html`<button type="button" class="secondary" onClick=${back}>${t("session.back")}</button>`}
      onSubmit=${(/** @type {Record<string, any>} */ values) => finish(() => api.post(`/sessions/${session.id}/cancel`, { reason: values.reason }), t("session.cancelled"))}>
    <p>${t("session.cancel_text")}</p>
    <${Field} label=${t("session.reason")} name="reason" required maxlength="500" autocomplete="off" autofocus hint=${t("session.reason_hint")} />
  </${Form}>`;
}

/** A locked session is opened for corrections, a closed one for the camera; a closed one can be locked early.
 * @param {{session: Api.Session, finish: Finish}} props */
function Reopen({ session, finish }) {
  const to = session.state === "locked" ? "closed" : "open";
  const lock = () => finish(() => api.post(`/sessions/${session.id}/lock`), t("session.locked")).catch(toastProblem);
  return html`<${Form} submit=${t(`session.reopen_${to}`)}
      actions=${session.state === "closed" && html`<button type="button" class="secondary" onClick=${lock}>${t("session.lock")}</button>`}
      onSubmit=${(/** @type {Record<string, any>} */ values) => finish(() => api.post(`/sessions/${session.id}/reopen`, { reason: values.reason, to }), t(`session.reopened_${to}`))}>
    <p>${t(`session.reopen_${to}_text`)}</p>
    <${Field} label=${t("session.reason")} name="reason" required maxlength="500" autocomplete="off" hint=${t("session.reopen_hint")} />
    ${session.state === "closed" && html`<p class="quiet small">${t("session.lock_text")}</p>`}
  </${Form}>`;
}
