// @ts-check
// The model in use, training another one, how good each is, and going back.
import { html, useEffect, useState } from "../lib.js";
import { getAll, useEvery, useGet, useLoaded, usePages } from "../loading.js";
import { query, setQuery } from "../router.js";
import { ago, dayAndClock } from "../times.js";
import { t } from "../texts.js";
import { Icon } from "../components/icon.js";
import { Empty, Page, ProblemNote, Skeleton, Tabs } from "../components/page.js";
import { toast } from "../components/toast.js";
import { History } from "../components/training/history.js";
import { Progress } from "../components/training/progress.js";
import { Report } from "../components/training/report.js";
import { Start } from "../components/training/start.js";
import { Versions } from "../components/training/versions.js";

const PARTS = ["report", "models", "trainings"];
// How often it is asked whether this server has taken up what was published, and otherwise what it has.
const TAKEN_UP_SECONDS = 2, ANYHOW_SECONDS = 30;

export default function TrainingPage() {
  const status = useGet("/model");
  const versions = useGet("/model/versions");
  const trainings = usePages("/training", { limit: 20 });
  const people = useLoaded(async (signal) => new Map((await getAll("/users", {}, signal)).map((user) => [user.id, user.name])), []);
  const [starting, setStarting] = useState(false);
  const [watched, setWatched] = useState(/** @type {number | null} */ (null));
  const latest = /** @type {Api.Training | undefined} */ (trainings.data?.items[0]);
  const running = latest && (latest.state === "queued" || latest.state === "running") ? latest : undefined;
  useEvery(() => trainings.reload(), running ? 1 : 15);

  const refresh = () => Promise.all([status.reload(), versions.reload(), trainings.reload()]);
  useEffect(() => {
    if (running) setWatched(running.id);
    else if (watched !== null && latest?.id === watched) {
      setWatched(null);
      if (latest.state === "succeeded") {
        toast(t("training.done"));
        setQuery({ model: null, tab: null });
      }
      refresh();
    }
  }, [running?.id, latest?.state]);

  const list = /** @type {Api.ModelVersion[] | undefined} */ (versions.data);
  const active = list?.find((each) => each.active)?.version;
  useEvery(() => status.reload(), active === status.data?.current?.version ? ANYHOW_SECONDS : TAKEN_UP_SECONDS);
  const tab = PARTS.find((each) => each === query.value.get("tab")) ?? "report";
  const isBare = list?.length === 0;
  const start = !running && html`<button type="button" onClick=${() => setStarting(true)}><${Icon} name="plus" />${t("training.start_title")}</button>`;
  return html`<${Page} title=${t("training.title")} lead=${status.data && inUse(status.data)} actions=${!(isBare && tab === "report") && start}>
    <${Refused} status=${status.data} />
    ${running && html`<${Progress} training=${running} changed=${trainings.reload} />`}
    ${latest?.state === "failed" && html`<div class="note wrong" role="alert"><p><strong>${t("training.failed", { when: dayAndClock(latest.finished_at) })}</strong> ${latest.problem}</p></div>`}
    ${[status, versions, trainings].map((each) => html`<${ProblemNote} problem=${each.problem} retry=${each.reload} />`)}
    <${Tabs} label=${t("training.parts")} items=${PARTS.map((each) => ({ href: `#/training${each === "report" ? "" : `?tab=${each}`}`, text: t(`training.${each}`), current: each === tab }))} />
    ${tab === "trainings"
      ? trainings.data ? html`<${History} trainings=${trainings} names=${people.data ?? new Map()} />` : html`<${Skeleton} />`
      : !list ? !versions.problem && html`<${Skeleton} rows=${8} />`
      : isBare ? html`<${Empty} title=${t("training.bare_title")} text=${t("training.bare_text")} action=${tab === "report" && start} />`
      : tab === "models" ? html`<${Versions} versions=${list} changed=${refresh} />`
      : html`<${Report} versions=${list} shown=${query.value.get("model")} changed=${refresh} />`}
    ${starting && html`<${Start} started=${trainings.reload} onClose=${() => setStarting(false)} />`}
  </${Page}>`;
}

/** @param {Api.ModelStatus} status */
function inUse({ current, loaded_at: since }) {
  if (!current) return t("training.nothing_in_use");
  return t("training.in_use_words", { n: current.student_count, when: current.trained_at ? dayAndClock(current.trained_at) : "–", network: current.embedder ?? "–", since: since ? ago(since) : "–" });
}

/** Why a newer file is not in use. @param {{status?: Api.ModelStatus}} props */
function Refused({ status }) {
  if (!status?.refused) return null;
  return html`<div class="note warn" role="alert"><p><strong>${t(status.current ? "training.refused" : "training.refused_only", { when: dayAndClock(status.refused_at) })}</strong> ${status.refused}</p>
    <p>${t("training.refused_remedy")}</p></div>`;
}
