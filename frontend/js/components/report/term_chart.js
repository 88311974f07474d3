// @ts-check
// Attendance from session to session, with the course's minimum.
import { html, useMemo } from "../../lib.js";
import uPlot from "../../../vendor/uplot.mjs";
import { calendarDay, percent } from "../../times.js";
import { t } from "../../texts.js";
import { Chart, dashed } from "../chart.js";

/** @param {{report: Api.CourseReport}} props */
export function TermChart({ report }) {
  const { sessions, course } = report;
  const data = useMemo(() => /** @type {uPlot.AlignedData} */ ([
    sessions.map((_, index) => index), sessions.map((line) => line.percent)]), [report]);
  const values = sessions.flatMap((line) => (line.percent === null ? [] : [line.percent]));
  if (values.length === 0) return null;
  const text = t("report.term_text", { n: values.length, from: calendarDay(sessions[0].day), to: calendarDay(sessions[sessions.length - 1].day),
    least: percent(Math.min(...values)), most: percent(Math.max(...values)), minimum: percent(course.min_percent) });
  return html`<${Chart} title=${t("report.term", { minimum: percent(course.min_percent) })} text=${text} data=${data} height=${180}
    say=${(/** @type {number} */ index) => `${calendarDay(sessions[index]?.day)} · ${percent(sessions[index]?.percent)}`}
    design=${(/** @type {import("../chart.js").Colours} */ colours) => ({
      scales: { x: { time: false, range: () => [-0.6, sessions.length - 0.4] }, y: { range: () => [0, 100] } },
      series: [{}, { stroke: colours.accent, fill: colours["accent-soft"], width: 1.5, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.6, 40], radius: 0.12 }) }],
      hooks: { draw: [(/** @type {uPlot} */ plot) => dashed(plot, colours, "y", course.min_percent)] },
      axes: [{ size: 32, grid: { show: false }, space: 72, incrs: [1, 2, 5, 10, 20, 50, 100],
        values: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits.map((each) => shortDay(sessions[each]?.day)) },
      { size: 56, incrs: [25, 50], values: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits.map((each) => percent(each)) }],
    })} />`;
}

/** "23 Nov": the weekday is too much below a chart. @param {string | undefined} date */
function shortDay(date) {
  return calendarDay(date).split(" ").slice(1, 3).join(" ");
}
