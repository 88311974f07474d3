// @ts-check
// Days without class: added one by one or as a stretch of holidays, taken back by their cross.
import { html, useState, useId } from "../../lib.js";
import { calendarDay } from "../../times.js";
import { t } from "../../texts.js";
import { Icon } from "../icon.js";
import { daysOf, WEEKDAYS } from "./recurrence.js";

/**
 * @param {{legend: string, days: string[], change: (days: string[]) => void, possible: string[] | null}} props
 *   possible: the days on which there would be class, of which only these are taken; null: not known
 */
export function DayList({ legend, days, change, possible }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [said, setSaid] = useState("");
  const id = useId();
  const add = () => {
    const stretch = daysOf({ weekdays: WEEKDAYS, interval: 1 }, from, to || from);
    const found = possible ? stretch.filter((each) => possible.includes(each)) : stretch;
    setSaid(found.length ? "" : t(stretch.length ? "days.none_there" : "days.wrong"));
    if (found.length === 0) return;
    change([...new Set([...days, ...found])].sort());
    setFrom("");
    setTo("");
  };
  /** @param {KeyboardEvent} event */
  const entered = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (from) add();
  };
  return html`<fieldset class="day-list"><legend>${legend}</legend>
    ${days.length > 0 && html`<ul class="chips">${days.map((each) => html`<li key=${each}>${calendarDay(each)}<button type="button" class="icon"
      aria-label=${t("days.remove", { day: calendarDay(each) })} onClick=${() => change(days.filter((one) => one !== each))}><${Icon} name="cross" size=${16} /></button></li>`)}</ul>`}
    <div class="add"><span><label for=${`${id}-from`}>${t("days.from")}</label><input id=${`${id}-from`} type="date" value=${from} onKeyDown=${entered} onInput=${(/** @type {any} */ event) => setFrom(event.target.value)} /></span>
      <span><label for=${`${id}-to`}>${t("days.to")}</label><input id=${`${id}-to`} type="date" value=${to} onKeyDown=${entered} onInput=${(/** @type {any} */ event) => setTo(event.target.value)} /></span>
      <button type="button" class="secondary" disabled=${!from} onClick=${add}>${t("days.add")}</button></div>
    <p class="hint" role="status">${said}</p>
  </fieldset>`;
}
