// @ts-check
// What a training printed, from its end; followed while it runs.
import { html, useEffect, useRef, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useEvery } from "../../loading.js";
import { t } from "../../texts.js";
import { toastProblem } from "../toast.js";

const LONGEST = 60_000; // characters that are shown
const MOST_PARTS = 40;

/** @param {{training: Api.Training, live?: boolean}} props live: it goes on */
export function Log({ training, live }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const offset = useRef(0);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const isReading = useRef(false);
  const read = async () => {
    if (isReading.current) return;
    isReading.current = true;
    try {
      for (let part = 0; part < MOST_PARTS; part += 1) {
        const found = /** @type {Api.Log} */ (await api.get(`/training/${training.id}/log`, { offset: offset.current }));
        setText((now) => ((now ?? "") + found.text).slice(-LONGEST));
        if (found.next_offset === offset.current) break;
        offset.current = found.next_offset;
      }
    } finally {
      isReading.current = false;
    }
  };
  useEffect(() => { if (open) read().catch(toastProblem); }, [open, training.state]);
  useEvery(() => read().catch(() => {}), open && live ? 2 : null);
  useEffect(() => { if (live && box.current) box.current.scrollTop = box.current.scrollHeight; }, [text]);
  return html`<details class="log" onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
    <summary>${t("training.log")}</summary>
    ${open && html`<pre ref=${box} tabindex="0" aria-label=${t("training.log")}>${text === null ? t("load.loading") : text || t(live ? "training.log_nothing" : "training.log_empty")}</pre>`}</details>`;
}
