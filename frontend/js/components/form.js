// @ts-check
// Forms: labelled fields, the server's refusals beside the field they are about, one submission at a time.
import { createContext, html, useContext, useEffect, useId, useRef, useState } from "../lib.js";
import { Problem } from "../api.js";
import { ProblemNote } from "./page.js";

/** @type {any} */
const Wrong = createContext({});

/**
 * A form whose `onSubmit` gets its values by name (checkboxes: true or false) and may throw a Problem, which is shown.
 * @param {{onSubmit: (values: Record<string, any>, form: HTMLFormElement) => Promise<unknown> | unknown, submit: string, danger?: boolean,
 *   actions?: any, disabled?: boolean, children?: any}} props submit: what its button says. actions: further buttons before it
 */
export function Form({ onSubmit, submit, danger, actions, disabled, children }) {
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const element = useRef(/** @type {HTMLFormElement | null} */ (null));
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    const form = element.current;
    if (busy || !form) return;
    setBusy(true);
    setProblem(null);
    try {
      await onSubmit(valuesOf(form), form);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (alive.current) setProblem(error);
    } finally {
      if (alive.current) setBusy(false);
    }
  }

  useEffect(() => {
    /** @type {HTMLElement | null | undefined} */
    const first = problem && element.current?.querySelector('[aria-invalid="true"]');
    first?.focus();
  }, [problem]);

  /** @type {Record<string, string>} */
  const wrong = {};
  const names = new Set([...(element.current?.elements ?? [])].map((each) => /** @type {any} */ (each).name));
  const general = [];
  for (const each of problem?.errors ?? []) {
    const name = (each.field ?? "").split(".").pop() ?? "";
    if (names.has(name)) wrong[name] = each.message;
    else general.push(each);
  }
  const note = problem && (general.length > 0 || Object.keys(wrong).length === 0) ? { ...problem, message: problem.message, errors: general } : null;
  return html`<form ref=${element} onSubmit=${submitted} noValidate=${false}>
    <${ProblemNote} problem=${note} />
    <${Wrong.Provider} value=${wrong}>${children}</${Wrong.Provider}>
    <div class="actions end">${actions}
      <button type="submit" class=${danger ? "danger" : ""} aria-busy=${busy} disabled=${disabled}>${submit}</button></div>
  </form>`;
}

/** @param {HTMLFormElement} form @returns {Record<string, any>} */
function valuesOf(form) {
  /** @type {Record<string, any>} */
  const values = {};
  for (const each of /** @type {any} */ (form.elements)) {
    if (!each.name || each.disabled) continue;
    if (each.type === "radio" && !each.checked) continue;
    if (each.type === "checkbox") {
      // several of one name are a list of those ticked
      if (form.querySelectorAll(`[name="${CSS.escape(each.name)}"]`).length > 1) {
        values[each.name] ??= [];
        if (each.checked) values[each.name].push(each.value);
      } else values[each.name] = each.checked;
    } else if (each.type === "number") values[each.name] = each.value === "" ? null : Number(each.value);
    else if (each.type === "file") values[each.name] = [...each.files];
    else values[each.name] = each.value;
  }
  return values;
}

/**
 * A labelled input; what is not named here goes to the input itself.
 * @param {{label: string, name: string, hint?: any, children?: any, as?: string} & Record<string, any>} props
 *   as: "input" (default), "select" or "textarea"; children: the options of a select
 */
export function Field({ label, name, hint, children, as = "input", ...rest }) {
  const id = useId();
  const wrong = useContext(Wrong)[name];
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <${as} id=${id} name=${name} aria-describedby=${described} aria-invalid=${wrong ? "true" : undefined} ...${rest}>${as === "input" ? undefined : children}</${as}>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${wrong && html`<p class="wrong" id=${`${id}-wrong`}>${wrong}</p>`}
  </div>`;
}

/** @param {{label: any, name: string, hint?: any} & Record<string, any>} props */
export function Checkbox({ label, name, hint, ...rest }) {
  const id = useId();
  return html`<div class="field"><label><input type="checkbox" name=${name} aria-describedby=${hint ? id : undefined} ...${rest} /><span>${label}</span></label>
    ${hint && html`<p class="hint" id=${id}>${hint}</p>`}</div>`;
}
