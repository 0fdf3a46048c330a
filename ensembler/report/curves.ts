import { formatTick } from './format.ts';
import { html, type Markup } from './html.ts';

/*
 * Line charts as inline SVG: no script, colours by CSS classes so that they follow the page's light or dark scheme.
 */

/** One line of a chart. Points are [step, value]. */
export interface CurveLine {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** A chart's words and limits. */
export interface ChartOptions {
  readonly title: string;
  readonly yLabel: string;
  /** Smallest range that the value axis shows; grows with the data. */
  readonly yRange?: readonly [number, number];
}

const WIDTH = 560;
const HEIGHT = 300;
const MARGIN = { left: 52, right: 14, top: 14, bottom: 44 };
/** More points than pixels say nothing more; the report stays small. */
const MOST_POINTS = 400;
/** Colours in report/style.ts. */
export const LINE_COLOURS = 8;

/** A chart with axes, grid and legend. Points that are not finite are left out. */
export function curveChart(lines: readonly CurveLine[], options: ChartOptions): Markup {
  const drawn = lines.map((line) => ({ ...line, points: thin(line.points.filter(isFinitePoint)) }));
  const points = drawn.flatMap((line) => line.points);
  if (points.length === 0)
    return html`<figure class="chart"><figcaption>${options.title}</figcaption><p class="none">No points were recorded.</p></figure>`;
  const x = scale([0, Math.max(1, maximum(points, 0))], [MARGIN.left, WIDTH - MARGIN.right]);
  const values = [minimum(points, 1), maximum(points, 1), ...(options.yRange ?? [])];
  const y = scale(widen(Math.min(...values), Math.max(...values)), [HEIGHT - MARGIN.bottom, MARGIN.top]);
  return html`<figure class="chart"><figcaption>${options.title}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${options.title}">
${y.ticks.map((tick) => html`<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(y.at(tick))}" y2="${round(y.at(tick))}"/><text class="tick" x="${MARGIN.left - 6}" y="${round(y.at(tick) + 4)}" text-anchor="end">${formatTick(tick)}</text>`)}
${x.ticks.map((tick) => html`<line class="tickmark" x1="${round(x.at(tick))}" x2="${round(x.at(tick))}" y1="${HEIGHT - MARGIN.bottom}" y2="${HEIGHT - MARGIN.bottom + 4}"/><text class="tick" x="${round(x.at(tick))}" y="${HEIGHT - MARGIN.bottom + 17}" text-anchor="middle">${formatTick(tick)}</text>`)}
<line class="axis" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${HEIGHT - MARGIN.bottom}" y2="${HEIGHT - MARGIN.bottom}"/>
<text class="axis-label" x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">training step</text>
<text class="axis-label" transform="translate(13 ${(MARGIN.top + HEIGHT - MARGIN.bottom) / 2}) rotate(-90)" text-anchor="middle">${options.yLabel}</text>
${drawn.map((line, index) => linePath(line, index, x.at, y.at))}
</svg>
<ul class="legend">${drawn.map((line, index) => html`<li><span class="swatch c${index % LINE_COLOURS}"></span>${line.label}</li>`)}</ul></figure>`;
}

function linePath(line: CurveLine, index: number, x: (v: number) => number, y: (v: number) => number): Markup {
  const colour = `c${index % LINE_COLOURS}`;
  const [only, second] = line.points;
  if (only === undefined) return html``;
  if (second === undefined)
    return html`<circle class="dot ${colour}" cx="${round(x(only[0]))}" cy="${round(y(only[1]))}" r="3"/>`;
  const path = line.points
    .map(([step, value], at) => `${at === 0 ? 'M' : 'L'}${round(x(step))} ${round(y(value))}`)
    .join('');
  return html`<path class="line ${colour}" d="${path}"><title>${line.label}</title></path>`;
}

function isFinitePoint(point: readonly [number, number]): boolean {
  return Number.isFinite(point[0]) && Number.isFinite(point[1]);
}

/** Averages neighbours until at most {@link MOST_POINTS} are left. */
function thin(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return [...points];
  const out: (readonly [number, number])[] = [];
  for (let start = 0; start < points.length; start += size) {
    const group = points.slice(start, start + size);
    const mean = (axis: 0 | 1): number => group.reduce((sum, point) => sum + point[axis], 0) / group.length;
    out.push([mean(0), mean(1)]);
  }
  return out;
}

function scale(
  range: readonly [number, number],
  pixels: readonly [number, number],
): { at(v: number): number; ticks: number[] } {
  const ticks = niceTicks(range[0], range[1]);
  const at = (value: number): number =>
    pixels[0] + ((value - range[0]) / (range[1] - range[0])) * (pixels[1] - pixels[0]);
  return { at, ticks };
}

/** About five round numbers inside a range (steps of 1, 2 or 5 times a power of ten). */
export function niceTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** A range that is never empty. */
function widen(low: number, high: number): readonly [number, number] {
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

function maximum(points: readonly (readonly [number, number])[], axis: 0 | 1): number {
  return points.reduce((best, point) => Math.max(best, point[axis]), -Infinity);
}

function minimum(points: readonly (readonly [number, number])[], axis: 0 | 1): number {
  return points.reduce((best, point) => Math.min(best, point[axis]), Infinity);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
