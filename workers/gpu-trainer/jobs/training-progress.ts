import type { MetricPoint, TrialProgress } from '@voxhelm/contracts/trial';
import type { Heartbeat } from '../messages.ts';
import { residentMemoryMb } from './context.ts';
import type { DeviceUseMeter } from './device-use.ts';

/** What the training loop tells after each step. */
export interface StepInfo {
  readonly step: number;
  readonly learningRate: number;
  /** The whole step's milliseconds, the wait for its batch apart. */
  readonly stepMs: number;
  readonly waitMs: number;
}

/** Follows a training and tells of it about once a second. */
export interface TrainingProgress {
  phase(phase: TrialProgress['phase']): void;
  /** Training begins, now that its data is loaded; more calls change nothing. */
  begin(): void;
  step(info: StepInfo): MetricPoint[];
  loss(step: number, loss: number): MetricPoint[];
  validation(result: {
    step: number;
    dice: number | null;
    diceByClass: Record<string, number | null>;
    validationMs: number;
  }): MetricPoint[];
  event(text: string): void;
  /** The plan was made smaller for the device's memory. */
  madeSmaller(times: number, told: string): void;
  /** Tells now, whatever the clock says. */
  tell(): void;
  snapshot(): TrialProgress;
  close(): void;
}

const TELL_EVERY_MS = 1_000;
/** Steps over which speed and waiting are averaged: a few seconds of training. */
const WINDOW_STEPS = 50;
/** Steps between points of the curves that every step could give. */
const POINT_EVERY_STEPS = 10;
/** Points at most of a curve of the device's use: short spans are noise, and the GPU's driver is asked once a second. */
const DEVICE_POINTS = 200;

/**
 * Begins to follow a training of `plan.training`'s length, from what an earlier attempt reached (`after`: why that one ended, where
 * it said so); closes the meter at its end.
 */
export function followTraining(
  training: { readonly steps: number; readonly validateEverySteps: number },
  before: { readonly step: number; readonly bestDice: number | null; readonly after?: string | null },
  meter: DeviceUseMeter,
  tellOthers: (progress: TrialProgress, heartbeat: Heartbeat) => void,
): TrainingProgress {
  const { steps, validateEverySteps } = training;
  const recent: StepInfo[] = [];
  const events: string[] = [];
  let phase: TrialProgress['phase'] = 'loading';
  let step = before.step;
  let loss: number | null = null;
  let dice: number | null = null;
  let bestDice = before.bestDice;
  let validationMs = 0;
  let smaller: TrialProgress['smaller'];
  let toldAt = Number.NEGATIVE_INFINITY;
  let began = false;

  const sum = (of: (info: StepInfo) => number): number => recent.reduce((total, info) => total + of(info), 0);
  const validationsUpTo = (count: number): number => Math.floor(count / validateEverySteps);

  function snapshot(): TrialProgress {
    const wait = sum((info) => info.waitMs);
    const busy = wait + sum((info) => info.stepMs);
    const msPerStep = recent.length === 0 ? null : busy / recent.length;
    const validationsLeft = Math.max(
      validationsUpTo(steps) + (steps % validateEverySteps === 0 ? 0 : 1) - validationsUpTo(step),
      0,
    );
    return {
      step,
      steps,
      phase,
      loss,
      dice,
      bestDice,
      stepsPerSecond: msPerStep === null || msPerStep === 0 ? 0 : 1_000 / msPerStep,
      etaSeconds: msPerStep === null ? null : ((steps - step) * msPerStep + validationsLeft * validationMs) / 1_000,
      memoryMb: residentMemoryMb(),
      dataWaitFraction: busy === 0 ? null : wait / busy,
      ...(before.after == null ? {} : { after: before.after }),
      ...(smaller === undefined ? {} : { smaller }),
    };
  }

  function tell(): void {
    toldAt = performance.now();
    const progress = snapshot();
    const { stepsPerSecond, etaSeconds, memoryMb } = progress;
    tellOthers(progress, {
      phase,
      step,
      steps,
      loss,
      dice,
      stepsPerSecond,
      etaSeconds,
      memoryMb,
      ...(events.length === 0 ? {} : { events: [...events] }),
    });
  }

  /** The device's use since the point before, at steps that the training's length gives: a resumed one tells of the same. */
  function devicePoints(): MetricPoint[] {
    const every = POINT_EVERY_STEPS * Math.ceil(steps / POINT_EVERY_STEPS / DEVICE_POINTS);
    if (step % every !== 0) return [];
    return Object.entries(meter.take()).map(([series, value]) => ({ series, step, value }));
  }

  // Steps block the event loop, so each of them looks at the clock as well.
  const timer = setInterval(tell, TELL_EVERY_MS);
  timer.unref();
  const tellIfDue = (): void => {
    if (performance.now() - toldAt >= TELL_EVERY_MS) tell();
  };

  return {
    phase(next) {
      phase = next;
      tell();
    },
    begin() {
      if (began) return;
      began = true;
      meter.take();
      // Now, not when the first step is done: it may be long.
      phase = 'training';
      tell();
    },
    step(info) {
      step = info.step;
      phase = 'training';
      recent.push(info);
      if (recent.length > WINDOW_STEPS) recent.shift();
      tellIfDue();
      if (info.step % POINT_EVERY_STEPS !== 0) return [];
      const busy = sum((one) => one.stepMs + one.waitMs);
      return [
        { series: 'learningRate', step, value: info.learningRate },
        { series: 'stepMs', step, value: info.stepMs },
        { series: 'dataWaitFraction', step, value: busy === 0 ? 0 : sum((one) => one.waitMs) / busy },
        ...devicePoints(),
      ];
    },
    loss(at, value) {
      loss = Number.isFinite(value) ? value : null;
      return Number.isFinite(value) ? [{ series: 'loss', step: at, value }] : [];
    },
    validation(result) {
      dice = result.dice;
      if (dice !== null && (bestDice === null || dice > bestDice)) bestDice = dice;
      validationMs = result.validationMs;
      tell();
      const points = Object.entries(result.diceByClass).map(([value, mean]) => [`dice.${value}`, mean] as const);
      return [['dice', result.dice] as const, ...points].flatMap(([series, value]) =>
        value === null ? [] : [{ series, step: result.step, value }],
      );
    },
    event(text) {
      events.push(text);
    },
    madeSmaller(times, told) {
      smaller = { times, told };
      events.push(told);
    },
    tell,
    snapshot,
    close() {
      clearInterval(timer);
      meter.close();
    },
  };
}
