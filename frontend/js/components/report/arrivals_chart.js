// @ts-check
// How many had arrived, from minute to minute.
import { html, useMemo } from "../../lib.js";
import uPlot from "../../../vendor/uplot.mjs";
import { clock } from "../../times.js";
import { t } from "../../texts.js";
import { Chart, dashed } from "../chart.js";

/** @param {{report: Api.SessionReport, session: Api.Session}} props */
export function ArrivalsChart({ report, session }) {
  const { timeline, expected } = report;
  const zone = session.timezone;
  const late = seconds(session.late_after ?? report.session.ends_at);
  const data = useMemo(() => {
    const first = Math.min(seconds(report.session.starts_at), seconds(timeline[0]?.minute ?? report.session.starts_at)) - 60;
    // as long as somebody came, and a little further than the limit of lateness
    const last = Math.max(seconds(timeline.at(-1)?.minute ?? report.session.starts_at), Math.min(late, seconds(report.session.ends_at))) + 300;
    return /** @type {uPlot.AlignedData} */ ([
      [first, ...timeline.map((line) => seconds(line.minute)), last], [0, ...timeline.map((line) => line.total), timeline.at(-1)?.total ?? 0]]);
  }, [report, late]);
  if (timeline.length === 0) return null;
  const [begin, end] = [clock(report.first_arrival, zone), clock(report.last_arrival, zone)];
  const text = t("report.arrivals_text", { n: timeline[timeline.length - 1].total, expected, begin, end });
  return html`<${Chart} title=${t("report.arrivals")} text=${text} data=${data} height=${240}
    say=${(/** @type {number} */ index) => `${clock(new Date(data[0][index] * 1000), zone)} · ${t("report.of", { n: data[1][index] ?? 0, expected })}`}
    design=${(/** @type {import("../chart.js").Colours} */ colours) => ({
      scales: { x: { time: false, range: () => [data[0][0], data[0][data[0].length - 1]] }, y: { range: () => [0, Math.max(1, expected)] } },
      series: [{}, { stroke: colours.accent, fill: colours["accent-soft"], width: 2, points: { show: false }, paths: uPlot.paths.stepped?.({ align: 1 }) }],
      axes: [{ size: 32, grid: { show: false }, space: 64, incrs: [60, 120, 300, 600, 900, 1800, 3600, 7200],
        values: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits.map((each) => clock(new Date(each * 1000), zone)) },
      { size: 48, splits: () => splitsOf(Math.max(1, expected)) }],
      hooks: { draw: [(/** @type {uPlot} */ plot) => dashed(plot, colours, "x", late, t("report.late_from"))] },
    })} />`;
}

/** @param {string} moment */
const seconds = (moment) => Math.floor(Date.parse(moment) / 1000);

/** What the scale is labelled with: the whole class, and round numbers that do not touch it. @param {number} expected */
function splitsOf(expected) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((each) => expected / each <= 5) ?? expected;
  const found = [];
  for (let each = 0; each <= expected - step / 2; each += step) found.push(each);
  return [...found, expected];
}
