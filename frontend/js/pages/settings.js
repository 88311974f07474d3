// @ts-check
// What the server was started with, to look at: settings are changed where it is started.
import { html, useState } from "../lib.js";
import { useGet } from "../loading.js";
import { t } from "../texts.js";
import { Empty, Page, Shown, Skeleton } from "../components/page.js";
import { SearchField } from "../components/search_field.js";
import { adviceOf } from "../components/settings/advice.js";

export default function SettingsPage() {
  const settings = useGet("/settings");
  return html`<${Page} title=${t("server.title")} lead=${t("server.lead")}>
    <${Shown} from=${settings} skeleton=${html`<${Skeleton} rows=${10} />`}>${(/** @type {Api.Setting[]} */ data) => html`<${List} settings=${data} />`}</${Shown}>
  </${Page}>`;
}

/** @param {{settings: Api.Setting[]}} props */
function List({ settings }) {
  const [search, setSearch] = useState("");
  const [onlyChanged, setOnlyChanged] = useState(false);
  const advice = adviceOf(settings, location);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = settings.filter((each) => (!onlyChanged || !each.is_default)
    && words.every((word) => `${each.variable} ${each.help} ${each.value ?? ""}`.toLowerCase().includes(word)));
  return html`
    ${advice.map((each) => html`<div class="note warn" key=${each.key}><p>${each.text}</p><p class="small"><code>${each.variable}</code></p></div>`)}
    <p class="quiet small measure">${t("server.doctor")} <code>python app.py doctor</code></p>
    <div class="toolbar spread">
      <${SearchField} label=${t("server.search")} value=${search} onSearch=${setSearch} />
      <label class="check"><input type="checkbox" role="switch" checked=${onlyChanged} onChange=${() => setOnlyChanged(!onlyChanged)} />${t("server.only_changed", { n: settings.filter((each) => !each.is_default).length })}</label>
    </div>
    ${shown.length > 0
      ? html`<dl class="server-settings">${shown.map((each) => html`<div class=${each.is_default ? "" : "changed"} key=${each.variable}>
          <dt><code>${each.variable}</code></dt>
          <dd class="value">${each.value === null ? html`<span class="quiet">${t("server.not_set")}</span>` : html`<code>${each.value || t("server.empty")}</code>`}
            ${!each.is_default && html` <span class="badge accent">${t("server.changed")}</span>`}</dd>
          <dd class="quiet small help">${each.help.replaceAll("`", "")} <span class="allowed">${t("server.allowed", { allowed: each.allowed })}</span></dd></div>`)}</dl>`
      : html`<${Empty} title=${t("server.none")} action=${html`<button type="button" class="secondary" onClick=${() => { setSearch(""); setOnlyChanged(false); }}>${t("server.show_all")}</button>`} />`}`;
}
