import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { Background } from './background.ts';
import { extentOf, type Line } from './lines.ts';
import { moved, type Span, zoomed } from './zoom.ts';

/** What a plot is told beside its lines. */
export interface PlotOptions {
  readonly log: boolean;
  readonly height: number;
  /** Told the step under the pointer and each live line's value there; null when the pointer leaves. */
  readonly onHover: (text: string | null) => void;
  /** Told the part of the steps that somebody chose; null for all. Whoever is told shows it by `showSteps`. */
  readonly onZoom: (span: Span | null) => void;
}

/**
 * A canvas chart of curves: dragging asks for a part of the steps, a double click for all. Call `update` as often as wanted;
 * `destroy` at the end.
 */
export class CurvePlot {
  private readonly host: HTMLElement;
  private readonly options: PlotOptions;
  private readonly background = new Background();
  private chart: uPlot | null = null;
  private shape = '';
  private live: readonly Line[] = [];
  private all: readonly Line[] = [];
  private zoom: Span | null = null;
  private readonly resized: ResizeObserver;
  private readonly recolor = (): void => this.rebuild();

  constructor(host: HTMLElement, options: PlotOptions) {
    this.host = host;
    this.options = options;
    this.resized = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.chart?.setSize({ width: host.clientWidth, height: options.height });
    });
    this.resized.observe(host);
    addEventListener('voxhelm-theme', this.recolor);
  }

  update(lines: readonly Line[]): void {
    this.all = lines;
    this.live = lines.filter((line) => !line.background);
    this.background.setLines(lines.filter((line) => line.background));
    const shape = this.live.map(({ id, label, color }) => `${id} ${label} ${color}`).join('\n');
    if (this.chart === null || shape !== this.shape) {
      this.shape = shape;
      this.rebuild();
    } else {
      this.chart.setData(this.data(), false);
      this.fit();
    }
  }

  destroy(): void {
    this.background.stop();
    this.resized.disconnect();
    removeEventListener('voxhelm-theme', this.recolor);
    this.chart?.destroy();
  }

  /** Shows a part of the steps; null: all. */
  showSteps(span: Span | null): void {
    this.zoom = span;
    this.fit();
  }

  /** Asks for half of the steps around the middle, or (`closer` false) twice as many. */
  zoomBy(closer: boolean): void {
    this.options.onZoom(zoomed(this.zoom ?? this.whole(), this.whole(), closer));
  }

  /** Asks for half a width towards the last steps, or (`later` false) the first. */
  move(later: boolean): void {
    this.options.onZoom(moved(this.zoom ?? this.whole(), this.whole(), later));
  }

  private whole(): Span {
    return [0, Math.max(1, extentOf(this.all, this.options.log)?.lastStep ?? 1)];
  }

  private data(): uPlot.AlignedData {
    const tables = this.live
      .filter(({ values }) => values.length > 0)
      .map(({ steps, values }) => [[...steps], [...values]] as unknown as uPlot.AlignedData);
    const [first] = tables;
    const empty = this.live.length - tables.length;
    if (first === undefined) return [[], ...this.live.map(() => [])] as unknown as uPlot.AlignedData;
    const joined = tables.length === 1 ? first : uPlot.join(tables);
    if (empty === 0) return joined;
    // Lines without a point yet keep their place.
    const filled = [...joined].slice(1);
    return [
      joined[0],
      ...this.live.map(({ values }) => (values.length > 0 ? filled.shift() : Array.from(joined[0], () => null))),
    ] as unknown as uPlot.AlignedData;
  }

  private fit(): void {
    const { chart } = this;
    if (chart === null) return;
    const extent = extentOf(this.all, this.options.log, this.zoom ?? undefined) ?? { lastStep: 1, low: 0, high: 1 };
    const room = (extent.high - extent.low) * 0.05 || Math.abs(extent.high) * 0.05 || 0.1;
    const [min, max] = this.zoom ?? this.whole();
    chart.batch(() => {
      chart.setScale('x', { min, max });
      chart.setScale(
        'y',
        this.options.log
          ? { min: extent.low * 0.9, max: extent.high * 1.1 }
          : { min: extent.low - room, max: extent.high + room },
      );
    });
  }

  private rebuild(): void {
    const style = getComputedStyle(document.documentElement);
    const [ink, grid] = [style.getPropertyValue('--muted').trim(), style.getPropertyValue('--line').trim()];
    const axis: uPlot.Axis = {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1 },
      font: '12px system-ui',
    };
    this.chart?.destroy();
    this.chart = new uPlot(
      {
        width: Math.max(120, this.host.clientWidth),
        height: this.options.height,
        legend: { show: false },
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { size: 6 },
          bind: { dblclick: () => () => (this.options.onZoom(null), null) },
        },
        scales: { x: { time: false, auto: false }, y: { auto: false, distr: this.options.log ? 3 : 1 } },
        axes: [
          { ...axis, size: 28 },
          { ...axis, size: 58, values: (_, ticks) => ticks.map(tickLabel) },
        ],
        series: [
          {},
          ...this.live.map((line) => ({
            label: line.label,
            stroke: line.color,
            width: 1.5,
            spanGaps: true,
            points: { show: line.values.length < 40 },
          })),
        ],
        hooks: {
          drawClear: [(chart) => this.background.draw(chart, ink)],
          setSelect: [(chart) => this.zoomTo(chart)],
          setCursor: [(chart) => this.options.onHover(this.hoverText(chart))],
        },
      },
      this.data(),
      this.host,
    );
    this.fit();
  }

  private zoomTo(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width < 4) return;
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.onZoom([chart.posToVal(left, 'x'), chart.posToVal(left + width, 'x')]);
  }

  private hoverText(chart: uPlot): string | null {
    const { idx } = chart.cursor;
    if (idx === null || idx === undefined) return null;
    const values = this.live.slice(0, 6).flatMap((line, index) => {
      const value = chart.data[index + 1]?.[idx];
      return value === null || value === undefined ? [] : [`${line.label} ${Number(value.toPrecision(4))}`];
    });
    return `step ${chart.data[0][idx] ?? ''}${values.length === 0 ? '' : ': '}${values.join(' · ')}`;
  }
}

/** A tick in few characters, whatever its size: learning rates are small. */
function tickLabel(value: number | null): string {
  if (value === null) return '';
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(0) : String(Number(value.toPrecision(3)));
}
