// @ts-check
// Who teaches a course, who of them leads it, and who is appointed for enrolment.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { getAll } from "../../loading.js";
import { go } from "../../router.js";
import { isAdmin, isStaff, me } from "../../state.js";
import { day } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Checkbox, Field, Form } from "../form.js";
import { Empty } from "../page.js";
import { Kiosks } from "./kiosks.js";
import { Table } from "../table.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{course: Api.Course, staff: Api.Staff[], isLead: boolean, changed: () => Promise<void>}} props */
export function Staff({ course, staff, isLead, changed }) {
  /** @param {Api.Staff} person @param {() => Promise<unknown>} act @param {string} said */
  const send = async (person, act, said) => {
    try {
      await act();
      toast(said);
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  /** @param {Api.Staff} person */
  const turn = async (person) => {
    const isMe = person.user_id === me.value?.id && !isAdmin.value;
    if (person.is_lead && isMe && !await confirm({ title: t("staff.unlead_self_title"), text: html`<p>${t("staff.unlead_self_text")}</p>`, action: t("staff.unlead"), danger: true })) return;
    await send(person, () => api.put(`/courses/${course.id}/staff/${person.user_id}`, { is_lead: !person.is_lead }),
      t(person.is_lead ? "staff.unled" : "staff.led", { name: person.name }));
  };
  /** @param {Api.Staff} person */
  const appoint = (person) => send(person, () => api.put(`/courses/${course.id}/staff/${person.user_id}`, { is_lead: person.is_lead, may_enrol: !person.may_enrol }),
    t(person.may_enrol ? "staff.unappointed" : "staff.appointed", { name: person.name }));
  /** @param {Api.Staff} person */
  const remove = async (person) => {
    const isMe = person.user_id === me.value?.id && !isAdmin.value;
    if (!await confirm({ title: t("staff.remove_title", { name: person.name }), text: html`<p>${t(isMe ? "staff.remove_self_text" : "staff.remove_text")}</p>`, action: t("staff.remove"), danger: true })) return;
    try {
      await api.remove(`/courses/${course.id}/staff/${person.user_id}`);
    } catch (problem) {
      toastProblem(problem);
      return;
    }
    if (isMe) go("/courses");
    else await changed();
    toast(t("staff.removed", { name: person.name }));
  };
  return html`
    ${staff.length > 0
      ? html`<${Table} label=${t("course.staff")} rows=${staff} rowKey=${(/** @type {Api.Staff} */ person) => person.user_id} rowClass=${() => "compact"} columns=${[
          { key: "name", title: t("staff.name"), head: true, show: (/** @type {Api.Staff} */ person) => html`${person.name}<span class="quiet small under">${person.email}</span>` },
          { key: "lead", title: t("staff.part"), className: "side", show: (/** @type {Api.Staff} */ person) => html`<span class=${`badge ${person.is_lead ? "accent" : ""}`}>${t(person.is_lead ? "staff.lead" : "staff.teaches")}</span>${person.may_enrol && html` <span class="badge info">${t("staff.enrols")}</span>`}` },
          { key: "since", title: t("staff.since"), className: "wide", show: (/** @type {Api.Staff} */ person) => html`<span class="quiet">${day(person.added_at, course.timezone)}</span>` },
          ...(isLead ? [{ key: "acts", title: "", end: true, className: "row", show: (/** @type {Api.Staff} */ person) => html`<span class="actions">
            <button type="button" class="link" aria-label=${t(person.is_lead ? "staff.unlead_of" : "staff.make_lead_of", { name: person.name })} onClick=${() => turn(person)}>${t(person.is_lead ? "staff.unlead" : "staff.make_lead")}</button>
            ${isAdmin.value && html`<button type="button" class="link" aria-label=${t(person.may_enrol ? "staff.unappoint_of" : "staff.appoint_of", { name: person.name })} onClick=${() => appoint(person)}>${t(person.may_enrol ? "staff.unappoint" : "staff.appoint")}</button>`}
            <button type="button" class="link" aria-label=${t("staff.remove_of", { name: person.name })} onClick=${() => remove(person)}>${t("staff.remove")}</button></span>` }] : []),
        ]} />`
      : html`<${Empty} title=${t("staff.none_title")} text=${t("staff.none_text")} />`}
    <p class="quiet small measure below-list">${t("staff.rights")}</p>
    ${isAdmin.value && html`<${Add} course=${course} staff=${staff} changed=${changed} />`}
    ${isStaff.value && html`<${Kiosks} course=${course} />`}`;
}

/** @param {{course: Api.Course, staff: Api.Staff[], changed: () => Promise<void>}} props */
function Add({ course, staff, changed }) {
  /** @param {Record<string, any>} values @param {HTMLFormElement} form */
  const submitted = async (values, form) => {
    /** @param {string} message */
    const wrong = (message) => new api.Problem(422, "invalid", message, { errors: [{ field: "email", message }] });
    const email = values.email.trim().toLowerCase();
    const people = /** @type {Api.User[]} */ (await getAll("/users", { search: email, disabled: false }));
    const found = people.find((each) => each.email === email);
    if (!found) throw wrong(t("staff.nobody"));
    if (staff.some((each) => each.user_id === found.id)) throw wrong(t("staff.there", { name: found.name }));
    await api.put(`/courses/${course.id}/staff/${found.id}`, { is_lead: values.is_lead, may_enrol: values.may_enrol });
    form.reset();
    await changed();
    toast(t("staff.added", { name: found.name }));
  };
  return html`<section class="card measure"><h2>${t("staff.add_title")}</h2>
    <${Form} onSubmit=${submitted} submit=${t("staff.add")}>
      <${Field} label=${t("staff.email")} name="email" type="email" required autocomplete="off" hint=${t("staff.email_hint")} />
      <${Checkbox} label=${t("staff.as_lead")} name="is_lead" />
      <${Checkbox} label=${t("staff.as_enroller")} name="may_enrol" hint=${t("staff.as_enroller_hint")} />
    </${Form}></section>`;
}
