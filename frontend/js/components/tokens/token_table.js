// @ts-check
// Keys of programs: what each may do, until when, and revoking one.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { ago, day } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Table } from "../table.js";
import { toast, toastProblem } from "../toast.js";
import { AREAS } from "./scopes.js";

/** @param {Api.Token} token */
export function isOver(token) {
  return token.revoked_at !== null || new Date(token.expires_at) <= new Date(api.serverTime());
}

/** @param {{tokens: Api.Token[], path: string, changed: () => unknown}} props path: of the list, below which each is */
export function TokenTable({ tokens, path, changed }) {
  /** @param {Api.Token} token */
  const revoke = async (token) => {
    if (!await confirm({ title: t("tokens.revoke_title", { name: token.name }), text: html`<p>${t("tokens.revoke_text")}</p>`, action: t("tokens.revoke"), danger: true })) return;
    try {
      await api.remove(`${path}/${token.id}`);
      toast(t("tokens.revoked_done", { name: token.name }));
    } catch (problem) {
      toastProblem(problem);
    }
    await changed();
  };
  return html`<${Table} label=${t("tokens.title")} rows=${tokens} rowClass=${(/** @type {Api.Token} */ token) => `compact ${isOver(token) ? "faded" : ""}`} columns=${[
    { key: "name", title: t("tokens.name"), head: true, show: (/** @type {Api.Token} */ token) => html`${token.name}<code class="under small">${token.shown}…</code>` },
    { key: "may", title: t("tokens.may"), className: "below", show: (/** @type {Api.Token} */ token) => html`<span class="small">${words(token.scopes)}</span>` },
    { key: "state", title: t("tokens.state"), className: "side", show: (/** @type {Api.Token} */ token) => html`<${State} token=${token} />` },
    { key: "used", title: t("tokens.last_used"), className: "wide", show: (/** @type {Api.Token} */ token) => html`<span class="quiet">${token.last_used_at ? ago(token.last_used_at) : t("tokens.never")}</span>` },
    { key: "acts", title: "", end: true, className: "row", show: (/** @type {Api.Token} */ token) => !isOver(token) && html`<button type="button" class="link"
      aria-label=${t("tokens.revoke_of", { name: token.name })} onClick=${() => revoke(token)}>${t("tokens.revoke")}</button>` },
  ]} />`;
}

/** @param {{token: Api.Token}} props */
function State({ token }) {
  if (token.revoked_at) return html`<span class="badge">${t("tokens.revoked")}</span>`;
  if (isOver(token)) return html`<span class="badge">${t("tokens.expired")}</span>`;
  return html`<span class="badge good"><span aria-hidden="true">✓</span>${t("tokens.until", { day: day(token.expires_at) })}</span>`;
}

/** @param {string[]} scopes */
function words(scopes) {
  const found = AREAS.map(({ name, see, change }) => {
    const changes = change && scopes.includes(change), sees = see && scopes.includes(see);
    if (!changes && !sees) return "";
    const only = see && change && !(changes && sees) ? ` (${t(changes ? "tokens.change_only" : "tokens.see_only")})` : "";
    return `${t(`scope.${name}`)}${only}`;
  });
  return found.filter(Boolean).join(" · ");
}
