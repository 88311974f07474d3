// @ts-check
// The page begins here: who is logged in, which screen the address means, and the frame around it.
import { html, render, useEffect, useState } from "./lib.js";
import { match, path } from "./router.js";
import { findMe, me } from "./state.js";
import { ROUTES } from "./routes.js";
import { t } from "./texts.js";
import { refuseStrayFiles } from "./components/drop_zone.js";
import { Shell } from "./components/shell.js";
import { Empty, Page, ProblemNote, Skeleton } from "./components/page.js";
import Login from "./pages/login.js";

/** @type {Map<import("./types.js").Route, any>} */
const loadedPages = new Map();

function App() {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const begin = () => {
    setProblem(null);
    findMe().catch(setProblem);
  };
  useEffect(begin, []);
  const here = path.value;
  const found = ROUTES.map((route) => ({ route, values: match(route.path, here) })).find((each) => each.values);
  if (problem && !found?.route.open) return html`<${Shell} bare><main class="page narrow"><h1>SmartAttendance</h1><${ProblemNote} problem=${problem} retry=${begin} /></main></${Shell}>`;
  if (found?.route.open) return html`<${Shell} bare=${found.route.bare}><${Screen} key=${here} route=${found.route} values=${found.values} /></${Shell}>`;
  if (me.value === undefined) return html`<${Shell} bare><main class="page"><${Skeleton} /></main></${Shell}>`;
  if (me.value === null) return html`<${Shell} bare><${Login} /></${Shell}>`;
  if (!found) return html`<${Shell}><${Page} title=${t("app.nothing_title")}><${Empty} title=${t("app.nothing_text")} action=${html`<a role="button" href="#/">${t("app.to_today")}</a>`} /></${Page}></${Shell}>`;
  if (found.route.roles && !found.route.roles.includes(me.value.role)) {
    return html`<${Shell}><${Page} title=${t("app.not_yours_title")}><${Empty} title=${t("app.not_yours_text")} action=${html`<a role="button" href="#/">${t("app.to_today")}</a>`} /></${Page}></${Shell}>`;
  }
  return html`<${Shell} bare=${found.route.bare}><${Screen} key=${here} route=${found.route} values=${found.values} /></${Shell}>`;
}

/** A screen, fetched when it is first opened. @param {{route: import("./types.js").Route, values: any}} props */
function Screen({ route, values }) {
  const [, redraw] = useState(0);
  const [failed, setFailed] = useState(false);
  const fetchPage = () => {
    setFailed(false);
    route.load().then(
      (module) => { loadedPages.set(route, module.default); redraw((count) => count + 1); },
      () => setFailed(true),
    );
  };
  useEffect(() => { if (!loadedPages.has(route)) fetchPage(); }, []);
  const Found = loadedPages.get(route);
  if (Found) return html`<${Found} ...${values} />`;
  return html`<main class="page" id="main">${failed
    ? html`<${ProblemNote} problem=${{ message: t("api.network") }} retry=${() => location.reload()} />`
    : html`<${Skeleton} />`}</main>`;
}

refuseStrayFiles();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
