import type { RunDetail, RunEvent, RunProgress, RunView } from '@voxhelm/contracts/api';

/*
 * What is read and what a stream tells, brought together: either may be the newer one, and neither may lose an entry.
 */

/** Events of both, each once, in their order: a list that was read may end before what the stream told meanwhile. */
export function mergeEvents(known: readonly RunEvent[], more: readonly RunEvent[]): RunEvent[] {
  const events = new Map([...known, ...more].map((event) => [event.id, event]));
  return [...events.values()].sort((a, b) => a.id - b.id);
}

/** Runs, newest first, with what was told of them since they were read; those in `gone` were deleted. */
export function mergeRuns(known: readonly RunView[], told: Iterable<RunView>, gone: readonly string[] = []): RunView[] {
  const runs = new Map(known.map((run) => [run.id, run]));
  for (const run of told) runs.set(run.id, run);
  for (const id of gone) runs.delete(id);
  return [...runs.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** A run with its newest progress. A trial that is over keeps its last word. */
export function mergeProgress(run: RunDetail, { run: view, trials }: RunProgress): RunDetail {
  const moved = new Map(trials.map((trial) => [trial.id, trial]));
  return {
    ...run,
    ...view,
    trials: run.trials.map((trial) => {
      const now = moved.get(trial.id);
      return now === undefined || trial.finishedAt !== null ? trial : { ...trial, ...now };
    }),
  };
}
