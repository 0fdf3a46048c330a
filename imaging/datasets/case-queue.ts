import { type CaseOutcome, type CaseTask, checkCase } from './check-case.ts';

/** What a worker thread gets: all tasks, and a counter in shared memory from which every thread takes its next one. */
export interface QueueData {
  readonly tasks: readonly CaseTask[];
  readonly counter: SharedArrayBuffer;
}

/** What a worker thread answers, case by case. */
export interface QueueAnswer {
  readonly index: number;
  readonly outcome: CaseOutcome;
}

/** Takes the next case and checks it; null where none is left. */
export function takeCase({ tasks, counter }: QueueData): QueueAnswer | null {
  const index = Atomics.add(new Int32Array(counter), 0, 1);
  const task = tasks[index];
  return task === undefined ? null : { index, outcome: checkCase(task) };
}
