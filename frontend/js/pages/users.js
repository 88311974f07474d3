// @ts-check
// Who may log in, and the keys of programs.
import { html, useState } from "../lib.js";
import { usePages } from "../loading.js";
import { query } from "../router.js";
import { me } from "../state.js";
import { day } from "../times.js";
import { t } from "../texts.js";
import { ChangeSign } from "../components/course/change_sign.js";
import { Group } from "../components/group.js";
import { Icon } from "../components/icon.js";
import { Empty, Page, Shown, Tabs } from "../components/page.js";
import { SearchField } from "../components/search_field.js";
import { More, Table } from "../components/table.js";
import { Tokens } from "../components/tokens/tokens.js";
import { Invite } from "../components/users/invite.js";
import { UserDialog } from "../components/users/user_dialog.js";

const ROLES = ["", "admin", "instructor", "viewer"];

export default function UsersPage() {
  const isTokens = query.value.get("tab") === "tokens";
  return html`<${Page} title=${t("users.title")}>
    <${Tabs} label=${t("users.parts")} items=${[
      { href: "#/users", text: t("users.people"), current: !isTokens },
      { href: "#/users?tab=tokens", text: t("tokens.own"), current: isTokens },
    ]} />
    ${isTokens ? html`<${Tokens} filled />` : html`<${People} />`}
  </${Page}>`;
}

function People() {
  const [search, setSearch] = useState("");
  const [role, setRole] = useState("");
  const users = usePages("/users", { search: search.trim(), role, limit: 100 });
  const [inviting, setInviting] = useState(false);
  const [changing, setChanging] = useState(/** @type {Api.User | null} */ (null));
  return html`
    <div class="toolbar spread">
      <${SearchField} label=${t("users.search")} value=${search} onSearch=${setSearch} />
      <div class="actions"><button type="button" onClick=${() => setInviting(true)}><${Icon} name="plus" />${t("users.invite")}</button></div>
    </div>
    <${Group} className="filters below" label=${t("users.filter")}>${ROLES.map((each) => html`<button type="button" class="secondary small"
      aria-pressed=${role === each} onClick=${() => setRole(each)}>${t(`users.only_${each || "all"}`)}</button>`)}</${Group}>
    <${Shown} from=${users} rows=${5}>${(/** @type {Api.UserPage} */ data) => data.items.length > 0
      ? html`<${Table} label=${t("users.people")} rows=${data.items} rowClass=${(/** @type {Api.User} */ user) => `compact ${user.disabled_at ? "faded" : ""}`} columns=${columns(setChanging)} />
        <${More} pages=${users} />`
      : html`<${Empty} title=${t("users.none_title")} action=${html`<button type="button" class="secondary" onClick=${() => { setSearch(""); setRole(""); }}>${t("users.show_all")}</button>`} />`}</${Shown}>
    ${inviting && html`<${Invite} invited=${users.reload} onClose=${() => setInviting(false)} />`}
    ${changing && html`<${UserDialog} user=${changing} changed=${users.reload} onClose=${() => setChanging(null)} />`}`;
}

/** @param {(user: Api.User) => void} change */
function columns(change) {
  return [
    { key: "name", title: t("users.name"), head: true, show: (/** @type {Api.User} */ user) => html`${user.name}${user.id === me.value?.id && html` <span class="quiet small beside">${t("users.you")}</span>`}<span class="quiet small under">${user.email}</span>` },
    { key: "role", title: t("users.role"), className: "side", show: (/** @type {Api.User} */ user) => html`<span class=${`badge ${user.role === "admin" ? "accent" : ""}`}>${t(`role.${user.role}`)}</span>` },
    { key: "state", title: t("users.state"), className: "below", show: (/** @type {Api.User} */ user) => stateOf(user) },
    { key: "acts", title: "", end: true, className: "last", show: (/** @type {Api.User} */ user) => html`<button type="button" class="link"
      aria-label=${t("users.change_of", { name: user.name })} onClick=${() => change(user)}><${ChangeSign} text=${t("users.change")} /></button>` },
  ];
}

/** @param {Api.User} user */
function stateOf(user) {
  if (user.disabled_at) return html`<span class="badge wrong"><span aria-hidden="true">✕</span>${t("users.disabled", { day: day(user.disabled_at) })}</span>`;
  if (!user.has_password) return html`<span class="badge warn"><span aria-hidden="true">?</span>${t("users.waiting")}</span>`;
  return html`<span class="quiet">${t("users.since", { day: day(user.created_at) })}</span>`;
}
