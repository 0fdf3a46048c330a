import type uPlot from 'uplot';
import type { Line } from './lines.ts';

/** Curves painted in one go; more would cost a frame. */
const POINTS_A_SLICE = 12_000;

/**
 * Curves that no longer change, kept as a picture: 300 trials of 1,000 points are painted once, slice by slice between
 * frames, and then cost one copy a frame. Painted anew when the scales, the size or the lines change.
 */
export class Background {
  private picture: OffscreenCanvas | null = null;
  private painted = '';
  private pending: ReturnType<typeof setTimeout> | undefined;
  private lines: readonly Line[] = [];
  private linesVersion = 0;

  setLines(lines: readonly Line[]): void {
    if (lines.length === this.lines.length && lines.every((line, index) => line.values === this.lines[index]?.values))
      return;
    this.lines = lines;
    this.linesVersion += 1;
  }

  /** To be called between clearing and drawing the live lines. */
  draw(chart: uPlot, color: string): void {
    const { left, top, width, height } = chart.bbox;
    const { x, y } = chart.scales;
    const key = [x?.min, x?.max, y?.min, y?.max, width, height, color, this.linesVersion].join();
    if (key !== this.painted) this.paint(chart, color, key);
    if (this.picture !== null && this.picture.width === width) chart.ctx.drawImage(this.picture, left, top);
  }

  stop(): void {
    clearTimeout(this.pending);
  }

  private paint(chart: uPlot, color: string, key: string): void {
    this.stop();
    this.painted = key;
    const { left, top, width, height } = chart.bbox;
    if (width <= 0 || height <= 0) return;
    const picture = new OffscreenCanvas(width, height);
    const context = picture.getContext('2d');
    if (context === null) return;
    this.picture = picture;
    context.strokeStyle = color;
    context.globalAlpha = 0.35;
    context.lineWidth = devicePixelRatio;
    let next = 0;
    const slice = (): void => {
      for (let points = 0; next < this.lines.length && points < POINTS_A_SLICE; next += 1) {
        const line = this.lines[next] as Line;
        points += line.values.length;
        strokeLine(context, chart, line, left, top);
      }
      if (next < this.lines.length) this.pending = setTimeout(slice, 0);
      else chart.redraw(false, false);
    };
    this.pending = setTimeout(slice, 0);
  }
}

function strokeLine(
  context: OffscreenCanvasRenderingContext2D,
  chart: uPlot,
  line: Line,
  left: number,
  top: number,
): void {
  context.beginPath();
  for (let index = 0; index < line.values.length; index += 1) {
    const x = chart.valToPos(line.steps[index] as number, 'x', true) - left;
    const y = chart.valToPos(line.values[index] as number, 'y', true) - top;
    context.lineTo(x, y);
  }
  context.stroke();
}
