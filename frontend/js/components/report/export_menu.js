// @ts-check
// Files of a report, and its print.
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { Icon } from "../icon.js";
import { Menu } from "../menu.js";

/** @param {{path?: string, query?: Record<string, any>}} props path: of the files, without ".csv"; none: only print */
export function ExportMenu({ path, query }) {
  if (!path) return html`<button type="button" class="secondary" onClick=${() => print()}><${Icon} name="print" size=${18} />${t("sheet.print")}</button>`;
  return html`<${Menu} className="framed" label=${t("sheet.export")} title=${html`${t("sheet.export")}<${Icon} name="down" size=${16} />`}>
    <a href=${api.addressOf(`${path}.csv`, query)} download><${Icon} name="download" size=${18} />${t("sheet.csv")}</a>
    <a href=${api.addressOf(`${path}.xlsx`, query)} download><${Icon} name="download" size=${18} />${t("sheet.xlsx")}</a>
    <button type="button" onClick=${() => print()}><${Icon} name="print" size=${18} />${t("sheet.print")}</button>
  </${Menu}>`;
}
