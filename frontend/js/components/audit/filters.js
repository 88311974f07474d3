// @ts-check
// Which events of the audit are shown; kept in the address, so that it can be handed on.
import { html } from "../../lib.js";
import { query, setQuery } from "../../router.js";
import { isoDay } from "../../times.js";
import { t } from "../../texts.js";
import { Field } from "../form.js";
import { Icon } from "../icon.js";
import { KINDS } from "./words.js";

/** What the address asks for, as the API takes it; days are the browser's. @returns {Record<string, string | null>} */
export function asked() {
  const get = (/** @type {string} */ name) => query.value.get(name);
  const from = get("from"), to = get("to");
  const [type, id] = (get("object") ?? "").split(":");
  return {
    action: get("action"), actor_id: get("actor"), object_type: type || null, object_id: id || null,
    since: from ? new Date(`${from}T00:00:00`).toISOString() : null,
    until: to ? dayAfter(to).toISOString() : null,
  };
}

/** @param {string} date such as 2026-11-23 */
function dayAfter(date) {
  const moment = new Date(`${date}T00:00:00`);
  moment.setDate(moment.getDate() + 1);
  return moment;
}

/** @param {{people: {id: number, name: string}[]}} props */
export function Filters({ people }) {
  const get = (/** @type {string} */ name) => query.value.get(name) ?? "";
  /** @param {string} name */
  const set = (name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  const [type, id] = get("object").split(":");
  const isFiltered = ["action", "actor", "object", "from", "to"].some((name) => get(name));
  const today = isoDay(new Date());
  return html`<div class="toolbar audit-filters">
    <${Field} as="select" label=${t("audit.action")} name="action" value=${get("action")} onChange=${set("action")}><option value="" selected=${!get("action")}>${t("audit.everything")}</option>
      ${KINDS.map((kind) => html`<option value=${kind} selected=${kind === get("action")}>${t(`audit.kind_${kind.replace(".", "")}`)}</option>`)}</${Field}>
    <${Field} as="select" label=${t("audit.who")} name="actor" value=${get("actor")} onChange=${set("actor")}><option value="" selected=${!get("actor")}>${t("audit.everybody")}</option>
      ${people.map((person) => html`<option value=${person.id} selected=${String(person.id) === get("actor")}>${person.name}</option>`)}</${Field}>
    <${Field} label=${t("audit.from")} name="from" type="date" max=${today} value=${get("from")} onChange=${set("from")} />
    <${Field} label=${t("audit.to")} name="to" type="date" max=${today} value=${get("to")} onChange=${set("to")} />
    ${get("object") && html`<button type="button" class="secondary" onClick=${() => setQuery({ object: null })} aria-label=${t("audit.not_only", { type: type.replaceAll("_", " "), id: id ?? "" })}>
      ${type.replaceAll("_", " ")} ${id}<${Icon} name="cross" size=${16} /></button>`}
    ${isFiltered && html`<button type="button" class="link" onClick=${() => setQuery({ action: null, actor: null, object: null, from: null, to: null })}>${t("audit.show_all")}</button>`}
  </div>`;
}
