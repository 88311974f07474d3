// @ts-check
// Step 2: how the file is read, and which of its columns is what.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { t } from "../../texts.js";
import { ProblemNote } from "../page.js";
import { toastProblem } from "../toast.js";
import { preview as readAgain } from "./roster_file.js";

const COLUMNS = ["external_id", "name", "first_name", "last_name", "email", "starts_on", "ends_on", "role"];
const DELIMITERS = ["comma", "semicolon", "tab", "pipe"];
const COMMON = ["utf-8", "utf-16", "windows-1252", "windows-1250", "windows-1251", "windows-1254", "iso-8859-15", "macintosh", "shift_jis", "gb18030", "big5", "euc-kr"];
const SAMPLES = 4;
const WORKBOOK = "workbook";

/**
 * @param {{course: Api.Course, file: File, preview: Api.RosterPreview, mapping: Record<string, number>, setMapping: (mapping: Record<string, number>) => void,
 *   reread: (preview: Api.RosterPreview) => void, back: () => void, next: () => void}} props mapping: what each column is: its number, from 1
 */
export function ImportColumns({ course, file, preview, mapping, setMapping, reread, back, next }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {api.Problem | null} */ (null));
  const missing = missingOf(mapping);
  /** @param {import("../../pages/course_import.js").Reading} change */
  const read = async (change) => {
    setBusy(true);
    setProblem(null);
    try {
      reread(await readAgain(course, file, { encoding: preview.encoding, delimiter: preview.delimiter, ...(preview.header_is_certain ? { header: preview.header !== null } : {}), ...change }));
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      setProblem(error);
      toastProblem(error);
    }
    setBusy(false);
  };
  /** @param {number} number of the column @param {string} what */
  const choose = (number, what) => {
    const kept = Object.entries(mapping).filter(([name, place]) => place !== number && name !== what);
    // a whole name and its parts exclude one another
    const fitting = kept.filter(([name]) => (what === "name" ? !["first_name", "last_name"].includes(name) : !(["first_name", "last_name"].includes(what) && name === "name")));
    setMapping(Object.fromEntries(what ? [...fitting, [what, number]] : kept));
  };
  return html`
    <div class="spread head"><h2 tabindex="-1">${t("import.columns_title")}</h2><span class="quiet">${file.name} · ${t("import.rows", { n: preview.row_count })}</span></div>
    <${ProblemNote} problem=${problem} />
    ${!preview.encoding_is_certain && html`<div class="note warn"><p><strong>${t("import.letters_title")}</strong> ${t("import.letters_text", { encoding: preview.encoding })}</p></div>`}
    ${!preview.header_is_certain && html`<div class="note warn"><p><strong>${t("import.header_title")}</strong> ${firstRow(preview)}</p>
      <div class="actions"><button type="button" class="secondary" disabled=${busy} onClick=${() => read({ header: true })}>${t("import.header_yes")}</button>
        <button type="button" class="secondary" disabled=${busy} onClick=${() => read({ header: false })}>${t("import.header_no")}</button></div></div>`}
    <div class="toolbar" aria-busy=${busy}>
      ${preview.encoding !== WORKBOOK && html`<div class="field"><label for="import-encoding">${t("import.encoding")}</label><select id="import-encoding" onChange=${(/** @type {any} */ event) => read({ encoding: event.target.value })}>
        ${encodings(preview).map((each) => html`<option value=${each} selected=${each === preview.encoding}>${each}</option>`)}</select></div>
      <div class="field"><label for="import-delimiter">${t("import.delimiter")}</label><select id="import-delimiter" onChange=${(/** @type {any} */ event) => read({ delimiter: event.target.value })}>
        ${DELIMITERS.map((each) => html`<option value=${each} selected=${each === preview.delimiter}>${t(`import.delimiter_${each}`)}</option>`)}</select></div>`}
      <label class="check"><input type="checkbox" checked=${preview.header !== null} onChange=${(/** @type {any} */ event) => read({ header: event.target.checked })} /><span>${t("import.header")}</span></label>
    </div>
    <ul class="columns">${Array.from({ length: preview.columns }, (_, index) => {
      const what = Object.keys(mapping).find((name) => mapping[name] === index + 1) ?? "";
      const title = preview.header?.[index]?.trim() || t("import.column", { n: index + 1 });
      return html`<li key=${index} class=${what ? "used" : ""}>
        <label for=${`import-column-${index}`}><strong>${title}</strong><span class="quiet small under">${samples(preview, index)}</span></label>
        <select id=${`import-column-${index}`} onChange=${(/** @type {any} */ event) => choose(index + 1, event.target.value)}>
          <option value="" selected=${!what}>${t("import.leave_out")}</option>
          ${COLUMNS.map((each) => html`<option value=${each} selected=${each === what}>${t(`import.is_${each}`)}</option>`)}</select></li>`;
    })}</ul>
    ${missing && html`<p class="note" role="status">${t(missing)}</p>`}
    <div class="actions end"><button type="button" class="secondary" onClick=${back}>${t("import.another")}</button>
      <button type="button" disabled=${missing === "import.missing_id" || !preview.header_is_certain || busy} onClick=${next}>${t("import.to_check")}</button></div>`;
}

/** @param {Record<string, number>} mapping @returns {string} a key of a text, or "" */
function missingOf(mapping) {
  if (!mapping.external_id) return "import.missing_id";
  return mapping.name || mapping.first_name || mapping.last_name ? "" : "import.missing_name";
}

/** The row of which it is not certain what it is. @param {Api.RosterPreview} preview */
function firstRow(preview) {
  return (preview.header ?? preview.rows[0]?.cells ?? []).map((cell) => cell.trim()).filter(Boolean).join(" · ");
}

/** Those that the file could be in come first. @param {Api.RosterPreview} preview */
function encodings(preview) {
  return [...new Set([preview.encoding, ...preview.other_encodings, ...COMMON])];
}

/** Some cells of a column; with letters beyond ASCII first, by which a wrong encoding shows. @param {Api.RosterPreview} preview @param {number} index */
function samples(preview, index) {
  const cells = preview.rows.map((row) => (row.cells[index] ?? "").trim()).filter(Boolean);
  const telling = cells.filter((cell) => /[^\x20-\x7e]/.test(cell));
  const shown = [...new Set([...telling, ...cells])].slice(0, SAMPLES).map((cell) => (cell.length > 40 ? `${cell.slice(0, 40)}…` : cell));
  return shown.length ? shown.join(", ") : t("import.empty_column");
}
