/*
 * The metric curves of a trial that the pages draw, besides each class's Dice.
 */

/** Series that every training has, and what their charts are called. */
export const TRAINING_SERIES = [
  ['loss', 'Loss'],
  ['dice', 'Validation Dice'],
  ['learningRate', 'Learning rate'],
  ['stepMs', 'Milliseconds a step'],
  ['dataWaitFraction', 'Share of time waiting for data'],
] as const;

/** What trainings take of their machines; the GPU's where one computes, of the whole GPU by its driver's word. */
export const DEVICE_SERIES = [
  ['cpuShare', 'Share of the processor in use'],
  ['residentMemoryMb', 'Memory of the training, MB'],
  ['gpuShare', 'Share of time the GPU computes'],
  ['gpuMemoryMb', 'GPU memory in use, MB'],
] as const;

const SERIES = [...TRAINING_SERIES, ...DEVICE_SERIES];

/** All of them by name. */
export const SERIES_NAMES = SERIES.map(([name]) => name);

/** Whether noise makes a series hard to read: a learning rate is what it is. */
export function isSmoothed(series: string): boolean {
  return series === 'loss' || series === 'dice' || series.startsWith('dice.');
}

/** A series' title; its name where it has none. */
export function seriesTitle(series: string): string {
  return SERIES.find(([name]) => name === series)?.[1] ?? series;
}
