// @ts-check
// Drawings of numbers by uPlot, in the colours of the theme, as wide as their place; what they show is said in words as well.
import { html, useEffect, useRef, useState } from "../lib.js";
import uPlot from "../../vendor/uplot.mjs";

const STYLE = "vendor/uplot.min.css";
const NAMES = /** @type {const} */ (["ink", "quiet", "line", "accent", "accent-soft"]);
/** On paper, whatever the theme is. @type {Colours} */
const BLACK = { ink: "#000", quiet: "#000", line: "#bbb", accent: "#000", "accent-soft": "#ddd" };

/** On A4 and Letter between their margins, pixels. */
const PAPER = { width: 680, height: 140 };

/** @typedef {Record<typeof NAMES[number], string>} Colours */
/** @typedef {(colours: Colours) => Partial<uPlot.Options> & {series: uPlot.Series[], axes: uPlot.Axis[]}} Design */

/**
 * @param {{title: string, text: string, design: Design, data: uPlot.AlignedData, say: (index: number) => string, height?: number}} props
 *   text: what it shows, in a sentence or two. say: what is under the pointer, by its index in `data`
 */
export function Chart({ title, text, design, data, say, height = 220 }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const [isReady, setReady] = useState(isStyled());
  useEffect(() => { if (!isReady) addStyle(() => setReady(true)); }, []);

  useEffect(() => {
    const element = place.current;
    if (!element || !isReady) return undefined;
    /** @type {uPlot | null} */
    let plot = null;
    /** @param {Colours} colours @param {{width: number, height: number}} [size] pixels */
    const draw = (colours, size = { width: element.clientWidth, height }) => {
      plot?.destroy();
      const made = design(colours);
      plot = new uPlot({
        ...size, legend: { show: false }, padding: [12, 24, 0, 0], ...made,
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        axes: made.axes.map((axis) => ({
          stroke: colours.quiet, font: `14px ${getComputedStyle(element).fontFamily}`, ticks: { show: false },
          grid: { stroke: colours.line, width: 1 }, ...axis,
        })),
        hooks: { ...made.hooks, setCursor: [(/** @type {uPlot} */ now) => setPointed(now.cursor.left !== undefined && now.cursor.left >= 0 ? now.cursor.idx ?? null : null)] },
      }, data, element);
    };
    const redraw = () => draw(coloursIn(element));
    const blacken = () => draw(BLACK, PAPER);
    redraw();
    const sizes = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    const themes = new MutationObserver(redraw);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    addEventListener("beforeprint", blacken);
    addEventListener("afterprint", redraw);
    return () => {
      sizes.disconnect();
      themes.disconnect();
      removeEventListener("beforeprint", blacken);
      removeEventListener("afterprint", redraw);
      plot?.destroy();
    };
  }, [isReady, data, height]);

  return html`<figure class="chart card">
    <figcaption><strong>${title}</strong><span class="quiet number">${pointed === null ? "" : say(pointed)}</span></figcaption>
    <div class="plot" ref=${place} role="img" aria-label=${text} style=${{ height: `${height}px` }}></div>
  </figure>`;
}

/** @param {HTMLElement} element @returns {Colours} as the browser computes them: a token alone may be light-dark() */
function coloursIn(element) {
  const probe = element.appendChild(document.createElement("span"));
  const found = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

const link = () => /** @type {HTMLLinkElement | null} */ (document.querySelector(`link[href="${STYLE}"]`));
const isStyled = () => Boolean(link()?.sheet);

/** The library's style sheet, fetched with the first chart. @param {() => void} done */
function addStyle(done) {
  const made = link() ?? document.createElement("link");
  made.addEventListener("load", done, { once: true });
  // without it the chart is still readable
  made.addEventListener("error", done, { once: true });
  made.rel = "stylesheet";
  made.href = STYLE;
  if (!made.isConnected) document.head.append(made);
}

/**
 * A dashed line across a chart, at a value of one of its scales, with words at its foot. For `hooks.draw`.
 * @param {uPlot} plot @param {Colours} colours @param {"x" | "y"} scale @param {number} at @param {string} [words] of a line at a value of x
 */
export function dashed(plot, colours, scale, at, words = "") {
  const { min, max } = plot.scales[scale];
  if (min === undefined || max === undefined || at < min || at > max) return;
  const { ctx, bbox } = plot;
  const pixel = uPlot.pxRatio;
  const place = Math.round(plot.valToPos(at, scale, true));
  const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colours.ink;
  ctx.lineWidth = 1.5 * pixel;
  ctx.setLineDash([6 * pixel, 4 * pixel]);
  ctx.beginPath();
  ctx.moveTo(scale === "x" ? place : bbox.left, scale === "x" ? bbox.top : place);
  ctx.lineTo(scale === "x" ? place : right, scale === "x" ? bottom : place);
  ctx.stroke();
  ctx.font = `${14 * pixel}px ${getComputedStyle(plot.root).fontFamily}`;
  const isRight = place + ctx.measureText(words).width + 12 * pixel < right;
  ctx.textAlign = isRight ? "left" : "right";
  ctx.textBaseline = "bottom";
  ctx.fillText(words, place + (isRight ? 6 : -6) * pixel, bottom - 4 * pixel);
  ctx.restore();
}
