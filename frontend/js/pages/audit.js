// @ts-check
// Who did what, and when.
import { html } from "../lib.js";
import { getAll, useLoaded, usePages } from "../loading.js";
import { query, setQuery } from "../router.js";
import { clock, day, dayAndClock } from "../times.js";
import { t } from "../texts.js";
import { Filters, asked } from "../components/audit/filters.js";
import { actOf, notesOf, objectOf, screenOf } from "../components/audit/words.js";
import { Icon } from "../components/icon.js";
import { Empty, Page, Shown, Skeleton } from "../components/page.js";
import { More } from "../components/table.js";

export default function AuditPage() {
  const people = useLoaded((signal) => getAll("/users", {}, signal), []);
  const events = usePages("/audit", { ...asked(), limit: 100 });
  const names = new Map((people.data ?? []).map((/** @type {Api.User} */ user) => [user.id, user.name]));
  return html`<${Page} title=${t("audit.title")} lead=${t("audit.lead")}>
    <${Filters} people=${people.data ?? []} />
    <${Shown} from=${events} skeleton=${html`<${Skeleton} rows=${10} />`}>${(/** @type {Api.AuditEventPage} */ data) => data.items.length > 0
      ? html`<div class="table-holder"><table class="events"><caption class="visually-hidden">${t("audit.title")}</caption>
          <thead><tr><th scope="col">${t("audit.when")}</th><th scope="col">${t("audit.who")}</th><th scope="col">${t("audit.what")}</th></tr></thead>
          ${byDay(data.items).map(({ of, items }) => html`<tbody key=${of}><tr class="day"><th scope="rowgroup" colspan="3">${of}</th></tr>
            ${items.map((event) => html`<${Row} key=${event.id} event=${event} names=${names} />`)}</tbody>`)}
        </table></div><${More} pages=${events} />`
      : html`<${Empty} title=${t(query.value.size > 0 ? "audit.none_found" : "audit.none_title")}
          action=${query.value.size > 0 && html`<button type="button" class="secondary" onClick=${() => setQuery({ action: null, actor: null, object: null, from: null, to: null })}>${t("audit.show_all")}</button>`} />`}</${Shown}>
  </${Page}>`;
}

/** @param {Api.AuditEvent[]} events the newest first */
function byDay(events) {
  /** @type {{of: string, items: Api.AuditEvent[]}[]} */
  const days = [];
  for (const event of events) {
    const of = day(event.at);
    if (days.at(-1)?.of !== of) days.push({ of, items: [] });
    days.at(-1)?.items.push(event);
  }
  return days;
}

/** @param {{event: Api.AuditEvent, names: Map<number, string>}} props */
function Row({ event, names }) {
  const object = objectOf(event, names), screen = screenOf(event), notes = notesOf(event.data);
  const who = event.actor_id === null ? t("audit.server") : names.get(event.actor_id) ?? t("audit.user", { id: event.actor_id });
  const isSelf = event.object_type === "user" && event.object_id === String(event.actor_id);
  return html`<tr><td class="quiet number"><time datetime=${event.at} title=${dayAndClock(event.at)}>${clock(event.at)}</time></td>
    <td class="who">${who}</td>
    <td class="what"><span class="act">${actOf(event.action)}</span>
      ${!isSelf && html`<span class="object"><button type="button" class="link" title=${t("audit.only_this")} onClick=${() => setQuery({ object: `${event.object_type}:${event.object_id}` })}>${object}</button>
        ${screen && html`<a class="open" href=${screen} aria-label=${t("audit.open", { object })}><${Icon} name="right" size=${16} /></a>`}</span>`}
      ${notes.length > 0 && html`<span class="notes quiet small">${notes.map(({ label, value }) => html`<span>${label}: ${value}</span>`)}</span>`}</td></tr>`;
}
