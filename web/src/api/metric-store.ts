import type { MetricCurve } from '@voxhelm/contracts/api';

/** A metric curve as the charts read it: steps ascend. */
export interface Curve {
  readonly trialId: string;
  readonly steps: number[];
  readonly values: number[];
  /** Grows with every change, so that a chart knows what it has drawn. */
  version: number;
}

/**
 * The metric curves of a run: hundreds of thousands of points, changed in place and kept out of React. Listeners are told
 * five times a second at most.
 */
export class MetricStore {
  private readonly series = new Map<string, Map<string, Curve>>();
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  version = 0;

  curves(series: string): ReadonlyMap<string, Curve> {
    return this.series.get(series) ?? new Map();
  }

  names(): string[] {
    return [...this.series.keys()].sort((a, b) => a.localeCompare(b));
  }

  /** Adds points; one that is known is replaced, so that the same points may come twice. */
  add(curves: readonly MetricCurve[]): void {
    for (const { trialId, series, points } of curves) {
      const curve = this.curve(series, trialId);
      for (const { step, value } of points) put(curve, step, value);
      curve.version += 1;
    }
    if (curves.length > 0) this.changed();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private curve(series: string, trialId: string): Curve {
    const ofSeries = this.series.get(series) ?? new Map<string, Curve>();
    this.series.set(series, ofSeries);
    const curve = ofSeries.get(trialId) ?? { trialId, steps: [], values: [], version: 0 };
    ofSeries.set(trialId, curve);
    return curve;
  }

  private changed(): void {
    this.version += 1;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      for (const listener of this.listeners) listener();
    }, 200);
  }
}

function put({ steps, values }: Curve, step: number, value: number): void {
  const last = steps.at(-1);
  if (last === undefined || step > last) {
    steps.push(step);
    values.push(value);
    return;
  }
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] as number) < step) low = middle + 1;
    else high = middle;
  }
  if (steps[low] === step) values[low] = value;
  else {
    steps.splice(low, 0, step);
    values.splice(low, 0, value);
  }
}
