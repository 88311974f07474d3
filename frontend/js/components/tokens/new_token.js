// @ts-check
// Making a key for a program: what it is for, what it may do, until when; then the key itself, this once.
import { html, useId, useState } from "../../lib.js";
import * as api from "../../api.js";
import { isAdmin } from "../../state.js";
import { day } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Group } from "../group.js";
import { Secret } from "../secret.js";
import { AREAS, PURPOSES } from "./scopes.js";

const DAYS = [7, 30, 90, 366];

/** @param {{made: () => unknown, onClose: () => void}} props made: called when there is another token */
export function NewToken({ made, onClose }) {
  const [token, setToken] = useState(/** @type {Api.MadeToken | null} */ (null));
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    if (values.scopes.length === 0) throw new api.Problem(422, "invalid", t("tokens.none_chosen"));
    setToken(await api.post("/tokens", { name: values.name, scopes: values.scopes, expires_in_days: Number(values.days) }));
    made();
  };
  if (token) {
    return html`<${Dialog} title=${t("tokens.made_title", { name: token.token.name })} onClose=${onClose}>
      <${Secret} title=${t("tokens.once_title")} text=${t("tokens.once_text", { day: day(token.token.expires_at) })} label=${t("tokens.secret")} value=${token.secret} />
      <p class="quiet small">${t("tokens.how")} <code>Authorization: Bearer ${token.token.shown}…</code></p>
      <div class="actions"><button type="button" onClick=${onClose}>${t("tokens.done")}</button></div>
    </${Dialog}>`;
  }
  return html`<${Dialog} title=${t("tokens.new")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("tokens.make")}>
      <${Field} label=${t("tokens.name")} name="name" required maxlength="100" autocomplete="off" autofocus hint=${t("tokens.name_hint")} />
      <${Choice} />
      <${Field} as="select" label=${t("tokens.lasts")} name="days" hint=${t("tokens.lasts_hint")}>
        ${DAYS.map((days) => html`<option value=${days} selected=${days === 90}>${t(`tokens.days_${days}`)}</option>`)}</${Field}>
    </${Form}>
  </${Dialog}>`;
}

function Choice() {
  const [chosen, setChosen] = useState(PURPOSES.camera);
  const id = useId();
  /** @param {string} scope */
  const turn = (scope) => setChosen(chosen.includes(scope) ? chosen.filter((each) => each !== scope) : [...chosen, scope]);
  /** @param {string} name */
  const isPurpose = (name) => PURPOSES[name].length === chosen.length && PURPOSES[name].every((each) => chosen.includes(each));
  /** @param {string | undefined} scope @param {string} name @param {string} what */
  const box = (scope, name, what) => scope && html`<input type="checkbox" name="scopes" value=${scope} checked=${chosen.includes(scope)}
    aria-label=${`${t(`scope.${name}`)}: ${t(`tokens.${what}`)}`} onChange=${() => turn(scope)} />`;
  return html`<fieldset><legend id=${id}>${t("tokens.may")}</legend>
    <${Group} className="filters below" label=${t("tokens.purposes")}>${Object.keys(PURPOSES).map((name) => html`<button type="button" class="secondary small"
      aria-pressed=${isPurpose(name)} onClick=${() => setChosen(PURPOSES[name])}>${t(`tokens.for_${name}`)}</button>`)}</${Group}>
    <table class="scopes" aria-labelledby=${id}>
      <thead><tr><th scope="col"><span class="visually-hidden">${t("tokens.area")}</span></th><th scope="col">${t("tokens.see")}</th><th scope="col">${t("tokens.change")}</th></tr></thead>
      <tbody>${AREAS.filter((area) => !area.admin || isAdmin.value).map((area) => html`<tr>
        <th scope="row">${t(`scope.${area.name}`)}</th><td>${box(area.see, area.name, "see")}</td><td>${box(area.change, area.name, "change")}</td></tr>`)}</tbody>
    </table>
    <p class="hint quiet small">${t("tokens.may_hint")}</p></fieldset>`;
}
