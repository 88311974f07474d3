// @ts-check
import { html } from "../../lib.js";
import { Icon } from "../icon.js";

/** The word of a button that changes a row; on a phone a pencil. @param {{text: string}} props */
export function ChangeSign({ text }) {
  return html`<span class="not-on-phone">${text}</span><span class="on-phone"><${Icon} name="pencil" /></span>`;
}
