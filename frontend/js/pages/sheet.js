// @ts-check
// The sheet of a session: everybody's mark, set by a tap or a key, each change with its history.
import { html, useEffect, useRef, useState } from "../lib.js";
import * as api from "../api.js";
import { useEvery, useGet } from "../loading.js";
import { go } from "../router.js";
import { correct, setMark, setMarks, shownRecords } from "../marking.js";
import { isStaff } from "../state.js";
import { clock } from "../times.js";
import { t } from "../texts.js";
import { confirm } from "../components/dialog.js";
import { Group } from "../components/group.js";
import { NotSaved, SessionState, Status } from "../components/marks.js";
import { Icon } from "../components/icon.js";
import { Menu } from "../components/menu.js";
import { MarkHistory } from "../components/mark_history.js";
import { Empty, Page, ProblemNote, Shown, Skeleton } from "../components/page.js";
import { whenOf } from "../components/session_title.js";
import { toast, toastProblem } from "../components/toast.js";

/** The keys of the sheet and what they set. @type {Record<string, string>} */
const KEYS = { p: "present", l: "late", a: "absent", e: "excused" };
const CHOICES = Object.values(KEYS);
const OPEN_SECONDS = 4, CLOSED_SECONDS = 10;
/** What the page gives as the reason of a mark set here. @type {Record<string, string>} */
const REASONS = { present: "arrived_unseen", late: "arrived_unseen", excused: "excuse_received" };

/** @param {{id: string}} props */
export default function SheetPage({ id }) {
  const session = useGet(`/sessions/${id}`);
  const found = /** @type {Api.Session | undefined} */ (session.data);
  if (!found) return html`<main class="page" id="main"><${ProblemNote} problem=${session.problem} retry=${session.reload} />${!session.problem && html`<${Skeleton} rows=${8} />`}</main>`;
  return html`<${Page} title=${`${found.course_code} · ${found.course_title}`} lead=${html`${whenOf(found)} <${SessionState} state=${found.state} />`}
    back=${{ href: `#/courses/${found.course_id}?tab=sessions`, text: t("sheet.back") }} actions=${html`<${Acts} session=${found} changed=${session.reload} />`}>
    <${Marks} session=${found} />
  </${Page}>`;
}

/** What may be done with the session. @param {{session: Api.Session, changed: () => unknown}} props */
function Acts({ session, changed }) {
  /** @param {string} act */
  const send = async (act) => {
    try {
      await api.post(`/sessions/${session.id}/${act}`);
      if (act === "open") go(`/sessions/${session.id}/live`);
      else await changed();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const close = async () => {
    if (await confirm({ title: t("sheet.close_title"), text: html`<p>${t("sheet.close_text")}</p>`, action: t("sheet.close") })) await send("close");
  };
  return html`
    ${isStaff.value && session.state === "scheduled" && html`<button type="button" onClick=${() => send("open")}>${t("sheet.open")}</button>`}
    ${isStaff.value && session.state === "open" && html`<a role="button" href=${`#/sessions/${session.id}/live`}><${Icon} name="camera" />${t("sheet.to_live")}</a>
      <button type="button" class="secondary" onClick=${close}>${t("sheet.close")}</button>`}
    ${session.state !== "scheduled" && html`<a role="button" class="secondary" href=${`#/reports/sessions/${session.id}`}>${t("report.report")}</a>`}
    <${Menu} className="framed" label=${t("sheet.export")} title=${html`${t("sheet.export")}<${Icon} name="down" size=${16} />`}>
      <a href=${api.addressOf(`/sessions/${session.id}/sheet.csv`)} download><${Icon} name="download" size=${18} />${t("sheet.csv")}</a>
      <a href=${api.addressOf(`/sessions/${session.id}/sheet.xlsx`)} download><${Icon} name="download" size=${18} />${t("sheet.xlsx")}</a>
      <button type="button" onClick=${() => print()}><${Icon} name="print" size=${18} />${t("sheet.print")}</button>
    </${Menu}>`;
}

/** @param {{session: Api.Session}} props */
function Marks({ session }) {
  const sheet = useGet(`/sessions/${session.id}/records`);
  const [filter, setFilter] = useState("");
  const [order, setOrder] = useState("name");
  const [shown, setShown] = useState(/** @type {number | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {Set<number>} */ (new Set()));
  const [busy, setBusy] = useState(false);
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const records = shownRecords(sheet.data?.items ?? []);
  useEvery(sheet.reload, sheet.problem ? OPEN_SECONDS : everySeconds(session, records));
  const mayMark = isStaff.value && (session.state === "open" || session.state === "closed");
  useEffect(() => setChosen(new Set()), [filter]);

  /** @param {Api.Record} record @param {string} status */
  function mark(record, status) {
    if (mayMark && record.status !== status) setMark(record, status, REASONS[status] ?? "correction");
  }

  /** @param {string} status */
  async function markChosen(status) {
    const wanted = rowsOf(records, filter, order).filter((record) => chosen.has(record.id) && record.status !== status);
    setBusy(true);
    try {
      if (wanted.length) {
        await setMarks(session.id, wanted, status, REASONS[status] ?? "correction");
        toast(t("sheet.marked_many", { n: wanted.length, status: t(`status.${status}`) }));
      }
      setChosen(new Set());
    } catch (problem) {
      // they stay chosen, to be tried again
      toastProblem(problem);
    }
    setBusy(false);
    await sheet.reload();
  }

  /** Letters set the mark of the row in focus; arrows move between rows. @param {KeyboardEvent} event @param {Api.Record} record */
  function pressed(event, record) {
    if (event.ctrlKey || event.metaKey || event.altKey || /** @type {HTMLElement} */ (event.target).tagName !== "TR") return;
    const status = KEYS[event.key.toLowerCase()];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (status) mark(record, status);
    else if (step) {
      const rows = [...(body.current?.querySelectorAll("tr") ?? [])];
      rows[rows.indexOf(/** @type {any} */ (event.target)) + step]?.focus();
    } else return;
    event.preventDefault();
  }

  return html`<${Shown} from=${sheet} rows=${8}>${() => records.length === 0
    ? html`<${Empty} title=${t("sheet.empty_title")} text=${t("sheet.empty_text")} action=${html`<a role="button" href=${`#/courses/${session.course_id}`}>${t("sheet.to_roster")}</a>`} />`
    : html`
    <div class="toolbar no-print">
      <${Group} className="filters" label=${t("sheet.filter")}>
        ${["", ...new Set(records.map((each) => each.status))].map((status) => html`<button type="button" class="secondary small"
          aria-pressed=${filter === status} onClick=${() => setFilter(status)}>${status ? t(`status.${status}`) : t("sheet.all")}
          <span class="number">${status ? records.filter((each) => each.status === status).length : records.length}</span></button>`)}
      </${Group}>
      <label class="order">${t("sheet.order")} <select value=${order} onChange=${(/** @type {any} */ event) => setOrder(event.target.value)}>
        ${["name", "status", "time"].map((each) => html`<option value=${each}>${t(`sheet.order_${each}`)}</option>`)}</select></label>
    </div>
    ${chosen.size > 0 && html`<div class="note spread no-print" role="status"><strong>${t("sheet.chosen", { n: chosen.size })}</strong>
      <span class="actions">${CHOICES.map((status) => html`<button type="button" class="secondary small" disabled=${busy} onClick=${() => markChosen(status)}>${t(`status.${status}`)}</button>`)}</span></div>`}
    ${mayMark && html`<p class="quiet small no-print only-wide">${t("sheet.keys")}</p>`}
    <div class="table-holder"><table class="sheet"><caption class="visually-hidden">${t("sheet.caption")}</caption>
      <thead><tr>${mayMark && html`<th class="no-print"><input type="checkbox" aria-label=${t("sheet.choose_all")} checked=${chosen.size > 0 && chosen.size === rowsOf(records, filter, order).length}
          onChange=${(/** @type {any} */ event) => setChosen(new Set(event.target.checked ? rowsOf(records, filter, order).map((record) => record.id) : []))} /></th>`}<th scope="col">${t("sheet.student")}</th><th scope="col">${t("sheet.mark")}</th>
        <th scope="col">${t("sheet.seen")}</th>${mayMark && html`<th scope="col" class="no-print">${t("sheet.set")}</th>`}<th class="no-print"><span class="visually-hidden">${t("table.acts")}</span></th></tr></thead>
      <tbody ref=${body}>${rowsOf(records, filter, order).map((record) => html`<tr key=${record.id} tabindex=${mayMark ? 0 : undefined}
          aria-label=${`${record.student.name}, ${t(`status.${record.status}`)}`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => pressed(event, record)}>
        ${mayMark && html`<td class="pick no-print"><input type="checkbox" aria-label=${t("sheet.choose_one", { name: record.student.name })} checked=${chosen.has(record.id)}
          onChange=${() => setChosen((now) => toggled(now, record.id))} /></td>`}
        <th scope="row">${record.student.name}<span class="quiet small id">${record.student.external_id}</span>${record.isWaiting && html`<${NotSaved} />`}</th>
        <td class="mark"><${Status} status=${record.status} /></td>
        <td class="seen quiet">${record.first_seen_at ? clock(record.first_seen_at, session.timezone) : record.source === "manual" ? t("sheet.by_hand") : ""}</td>
        ${mayMark && html`<td class="set no-print"><${Group} className="choices" label=${t("sheet.set_one", { name: record.student.name })}>
          ${CHOICES.map((status) => html`<button type="button" class="secondary small" aria-pressed=${record.status === status} title=${t(`status.${status}`)}
            onClick=${() => mark(record, status)}><span aria-hidden="true">${t(`sheet.letter_${status}`)}</span><span class="visually-hidden">${t(`status.${status}`)}</span></button>`)}</${Group}></td>`}
        <td class="no-print end"><button type="button" class="link" aria-label=${t(mayMark ? "sheet.details_of" : "sheet.history_of", { name: record.student.name })} onClick=${() => setShown(record.id)}>${t(mayMark ? "sheet.details" : "sheet.history")}</button></td>
      </tr>`)}</tbody></table></div>
    ${records.filter((record) => record.id === shown).map((record) => html`<${MarkHistory} key=${record.id} record=${record} zone=${session.timezone}
      save=${mayMark ? correct : undefined} onClose=${() => setShown(null)} />`)}`}</${Shown}>`;
}

/** Others mark too; and once a session is closed, the server makes those absent who were not seen.
 * @param {Api.Session} session @param {Api.Record[]} records */
function everySeconds(session, records) {
  if (session.state === "open") return OPEN_SECONDS;
  return session.state === "closed" && records.some((record) => record.status === "unmarked") ? CLOSED_SECONDS : null;
}

/** @param {import("../marking.js").Shown[]} records @param {string} filter @param {string} order */
function rowsOf(records, filter, order) {
  const rows = records.filter((record) => !filter || record.status === filter);
  if (order === "status") return rows.sort((a, b) => a.status.localeCompare(b.status));
  // those never seen come last
  if (order === "time") return rows.sort((a, b) => (a.first_seen_at ?? "9").localeCompare(b.first_seen_at ?? "9"));
  return rows;
}

/** @param {Set<number>} now @param {number} id */
function toggled(now, id) {
  const next = new Set(now);
  if (!next.delete(id)) next.add(id);
  return next;
}
