import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { TrialKind } from '@voxhelm/contracts/trial';
import { database } from './proxies.ts';
import {
  RUN_SIGNALS,
  RUN_STATUS_QUERY,
  RUN_TO_TRIAL_SIGNALS,
  type RunInput,
  type RunStatus,
  TRIAL_TO_RUN_SIGNALS,
  trialWorkflowId,
} from './signals.ts';

/*
 * The trials of a run that are open now: a window that slides over the trials' numbers (as in Temporal's sample
 * batch-sliding-window). Trials are workflows of their own that report by signal; the activity that makes them starts
 * them, so that neither their start nor their end costs the run a workflow task, and the run remembers only the ids in
 * flight and can continue as new at any time.
 */

/** About 10 events a trial: 100 trials stay far below the 10,240 at which Temporal warns. */
const TRIALS_PER_LIFE = 100;

/** A trainer that joins is put to work, and a trial whose word was lost is found, within this time. */
const LOOK_AROUND_EVERY = '2 minutes';

/** How long a cancelled run waits for its trials to let go before it looks for them itself. */
const CANCEL_LOOK_EVERY = '30 s';

/** The window's state. Signals change `inFlight`, `paused` and `letGo`; everything else the main flow. */
export interface TrialWindow {
  readonly input: RunInput;
  readonly life: number;
  readonly inFlight: Set<string>;
  parallel: number;
  nextNumber: number;
  startedInThisLife: number;
  /** Counts pauses, so that a trial's late word about an earlier pause is not taken for the present one. */
  pauses: number;
  paused: boolean;
  /** Trials that let go of their trainer in the present pause. */
  readonly letGo: Set<string>;
  /** The run was given more trials or time since the study was last asked. */
  extended: boolean;
  /** `due` is true when it is time to look around; null: no timer runs. */
  lookTimer: { due: boolean } | null;
}

/** Makes the window, with what an earlier life left, and installs the run's signals and query. */
export function openTrialWindow(input: RunInput): TrialWindow {
  const { carried } = input;
  const window: TrialWindow = {
    input,
    life: carried?.life ?? 1,
    inFlight: new Set(carried?.inFlight ?? []),
    parallel: carried?.parallel ?? 1,
    nextNumber: carried?.nextNumber ?? 0,
    startedInThisLife: 0,
    pauses: carried?.pauses ?? 0,
    paused: false,
    letGo: new Set(),
    extended: false,
    lookTimer: null,
  };
  setHandler(defineSignal(RUN_SIGNALS.pause), () => {
    window.paused = true;
  });
  setHandler(defineSignal(RUN_SIGNALS.resume), () => {
    window.paused = false;
  });
  setHandler(defineSignal(RUN_SIGNALS.extend), () => {
    window.extended = true;
  });
  setHandler(defineSignal<[string]>(TRIAL_TO_RUN_SIGNALS.trialFinished), (trialId) => {
    window.inFlight.delete(trialId);
  });
  setHandler(defineSignal<[string, number]>(TRIAL_TO_RUN_SIGNALS.trialPaused), (trialId, pause) => {
    if (pause === window.pauses) window.letGo.add(trialId);
  });
  setHandler(defineQuery<RunStatus>(RUN_STATUS_QUERY), () => ({
    inFlight: [...window.inFlight],
    parallel: window.parallel,
    paused: window.paused,
    life: window.life,
  }));
  return window;
}

/** Runs all trials of one kind, as many at once as the window is wide; returns when the last has finished. */
export async function runTrials(window: TrialWindow, kind: TrialKind): Promise<void> {
  for (let supply: Supply = 'there'; ; ) {
    await holdWhilePaused(window);
    if (window.extended) supply = 'there';
    if (lifeIsOver(window)) await nextLife(window, kind);
    const room = window.parallel - window.inFlight.size;
    if (supply === 'there' && room > 0) {
      window.extended = false;
      supply = await startTrials(window, kind, room);
      // Extended while the study was asked: it may have more by now.
      if (window.extended) supply = 'there';
    }
    if (supply === 'exhausted' && window.inFlight.size === 0) return;
    const before = window.inFlight.size;
    if (supply === 'there' && before < window.parallel) continue;
    window.extended = false;
    await waitFor(window, () => window.paused || window.inFlight.size < before || window.extended);
    if (supply === 'later' || window.extended) supply = 'there';
  }
}

/** Whether there are trials to start: now, perhaps once one under way has ended, or never again. */
type Supply = 'there' | 'later' | 'exhausted';

/** Has up to `room` trials made and started; returns whether there are others. */
async function startTrials(window: TrialWindow, kind: TrialKind, room: number): Promise<Supply> {
  const { runId } = window.input;
  const count = Math.min(room, trialsLeftInLife(window));
  const { trialIds, more } = await database.startTrials({ runId, kind, fromNumber: window.nextNumber, count });
  for (const trialId of trialIds) window.inFlight.add(trialId);
  window.nextNumber += trialIds.length;
  window.startedInThisLife += trialIds.length;
  if (trialIds.length === count) return 'there';
  return more === true && window.inFlight.size > 0 ? 'later' : 'exhausted';
}

/** Stays here while the run is paused: trials let go of their trainers, wait, and go on from their checkpoints. */
export async function holdWhilePaused(window: TrialWindow): Promise<void> {
  while (window.paused) {
    const { runId } = window.input;
    window.pauses += 1;
    window.letGo.clear();
    const pause = window.pauses;
    await database.markPausing({ runId, pause });
    await tellTrials(window, RUN_TO_TRIAL_SIGNALS.pause, pause);
    const allLetGo = (): boolean => [...window.inFlight].every((trialId) => window.letGo.has(trialId));
    while (window.paused && !allLetGo()) {
      await waitFor(window, () => !window.paused || allLetGo());
    }
    if (window.paused) {
      await database.markPaused({ runId, pause });
      await condition(() => !window.paused);
    }
    await database.markResumed({ runId, pause });
    await tellTrials(window, RUN_TO_TRIAL_SIGNALS.resume);
  }
}

/**
 * Does a job of the run's own (analysis, probe, ensemble) that is not a trial. A pause takes it from its trainer, or from the
 * queue; after the pause it is begun anew.
 */
export async function doUnlessPaused<T>(window: TrialWindow, job: () => Promise<T>): Promise<T> {
  for (;;) {
    await holdWhilePaused(window);
    const scope = new CancellationScope();
    const working = scope.run(job);
    const paused = condition(() => window.paused).then(() => 'paused' as const);
    const finished = working.then((value) => ({ value }));
    const outcome = await Promise.race([finished, paused]);
    if (outcome !== 'paused') return outcome.value;
    scope.cancel();
    try {
      return await working;
    } catch (error) {
      // Cancelled for the pause, unless the run itself is.
      if (!isCancellation(error) || CancellationScope.current().consideredCancelled) throw error;
    }
  }
}

/**
 * Cancels every open trial, `others` included, and waits until each has let go of its trainer. To be called in a
 * non-cancellable scope.
 */
export async function cancelTrials(window: TrialWindow, others: readonly string[]): Promise<void> {
  for (const trialId of others) window.inFlight.add(trialId);
  await Promise.all(
    [...window.inFlight].map(async (trialId) => {
      try {
        await getExternalWorkflowHandle(trialWorkflowId(trialId)).cancel();
      } catch {
        // No such workflow is open: it has ended, or the cancellation came before it began.
        window.inFlight.delete(trialId);
      }
    }),
  );
  while (window.inFlight.size > 0) {
    const woken = await condition(() => window.inFlight.size === 0, CANCEL_LOOK_EVERY);
    if (!woken) await lookAround(window);
  }
}

async function tellTrials(window: TrialWindow, signal: string, ...args: unknown[]): Promise<void> {
  // A trial that has ended meanwhile cannot be told; its word to us is under way.
  await Promise.allSettled(
    [...window.inFlight].map((trialId) => getExternalWorkflowHandle(trialWorkflowId(trialId)).signal(signal, ...args)),
  );
}

/** Waits until `wanted`, or looks around where that is due: the caller asks again. One timer serves many waits. */
async function waitFor(window: TrialWindow, wanted: () => boolean): Promise<void> {
  if (window.lookTimer === null) {
    const timer = { due: false };
    window.lookTimer = timer;
    sleep(LOOK_AROUND_EVERY).then(
      () => {
        timer.due = true;
      },
      // Cancelled with the run: cancelTrials looks around by itself.
      () => undefined,
    );
  }
  await condition(() => wanted() || window.lookTimer?.due === true);
  if (window.lookTimer.due) {
    window.lookTimer = null;
    await lookAround(window);
  }
}

async function lookAround(window: TrialWindow): Promise<void> {
  const { finished, parallel } = await database.lookAround({
    runId: window.input.runId,
    trialIds: [...window.inFlight],
  });
  for (const trialId of finished) window.inFlight.delete(trialId);
  window.parallel = Math.max(window.parallel, parallel);
}

function trialsLeftInLife(window: TrialWindow): number {
  return Math.max(1, (window.input.trialsPerLife ?? TRIALS_PER_LIFE) - window.startedInThisLife);
}

function lifeIsOver(window: TrialWindow): boolean {
  const full = window.startedInThisLife >= (window.input.trialsPerLife ?? TRIALS_PER_LIFE);
  return full || workflowInfo().continueAsNewSuggested;
}

/** Continues as new. Between the last signal's handling and this there is no await, so no signal is lost. */
async function nextLife(window: TrialWindow, phase: TrialKind): Promise<never> {
  const { runId, trialsPerLife } = window.input;
  return continueAsNew<(input: RunInput) => Promise<void>>({
    runId,
    ...(trialsPerLife === undefined ? {} : { trialsPerLife }),
    carried: {
      phase,
      nextNumber: window.nextNumber,
      inFlight: [...window.inFlight],
      parallel: window.parallel,
      pauses: window.pauses,
      life: window.life + 1,
    },
  });
}
