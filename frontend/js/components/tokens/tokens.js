// @ts-check
// One's own keys for programs.
import { html, useState } from "../../lib.js";
import { usePages } from "../../loading.js";
import { t } from "../../texts.js";
import { Icon } from "../icon.js";
import { Empty, Shown } from "../page.js";
import { More } from "../table.js";
import { NewToken } from "./new_token.js";
import { TokenTable, isOver } from "./token_table.js";

/** @param {{filled?: boolean}} props filled: its button is the one filled button of the screen */
export function Tokens({ filled }) {
  const tokens = usePages("/tokens", { limit: 100 });
  const [making, setMaking] = useState(false);
  const [withOver, setWithOver] = useState(false);
  const make = html`<button type="button" class=${filled ? "" : "secondary"} onClick=${() => setMaking(true)}><${Icon} name="plus" />${t("tokens.new")}</button>`;
  return html`
    <p class="quiet measure">${t("tokens.text")}</p>
    <${Shown} from=${tokens} rows=${3}>${(/** @type {Api.TokenPage} */ data) => {
      const over = data.items.filter(isOver).length;
      const shown = withOver ? data.items : data.items.filter((token) => !isOver(token));
      return html`
        ${shown.length > 0
          ? html`<${TokenTable} tokens=${shown} path="/tokens" changed=${tokens.reload} />`
          : html`<${Empty} title=${t("tokens.none_title")} text=${t("tokens.none_text")} action=${make} />`}
        <div class="actions below-list">${shown.length > 0 && make}
          ${over > 0 && html`<button type="button" class="link" aria-pressed=${withOver} onClick=${() => setWithOver(!withOver)}>${t(withOver ? "tokens.hide_over" : "tokens.show_over", { n: over })}</button>`}</div>`;
    }}</${Shown}>
    <${More} pages=${tokens} />
    ${making && html`<${NewToken} made=${tokens.reload} onClose=${() => setMaking(false)} />`}`;
}
