import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Analysis, AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { CheckedCase, Datalist, DatasetCheck, Finding } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseIdentity } from '@voxhelm/contracts/jobs';
import { pooledForeground } from '../analysis/pooled-foreground.ts';
import { summarizeAnalysis } from '../analysis/summary.ts';
import { type QueueAnswer, type QueueData, takeCase } from './case-queue.ts';
import { endOf } from './case-threads.ts';
import { type CaseOutcome, type CaseTask, hashFiles } from './check-case.ts';
import { channelsOf, findAcrossCases } from './cross-case-findings.ts';
import { type KnownCheck, knownCases, outcomeOfKnown } from './known-cases.ts';
import { modalityUnknown } from './modality.ts';
import { sameCaseAs } from './same-case.ts';
import { startWorker } from './start-worker.ts';

/** A thread costs about 0.2 s to start; it pays from this many bytes of files on, at some 15 MB/s a thread. */
const BYTES_PER_EXTRA_WORKER = 6_000_000;

/** How a dataset is checked. */
export interface CheckOptions {
  /** Threads, this one included; by default one per core. Memory is that of the largest case times the threads. */
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** An earlier check: of cases whose files are the same, only the bytes are hashed. */
  readonly known?: KnownCheck;
  /** Cases that no plan may know of: they are checked and have statistics of their own, but the summary leaves them out. */
  readonly heldOut?: readonly CaseIdentity[];
  readonly signal?: AbortSignal;
}

/** What a check finds. `foregrounds` and the rest are what the next one takes over ({@link KnownCheck}). */
export interface CheckedDataset {
  readonly check: DatasetCheck;
  readonly analysis: Analysis | null;
  readonly foregrounds: KnownCheck['foregrounds'];
  /** Cases that were taken over from the check before. */
  readonly reusedCases: number;
}

/**
 * Checks every case of a dataset and computes the statistics of its valid training cases, reading each file once.
 * All findings come back at once, none is thrown; `analysis` is null where no training case is valid and not held out.
 * Throws `cancelled` after `signal`.
 */
export async function checkAndAnalyze(datalist: Datalist, options: CheckOptions = {}): Promise<CheckedDataset> {
  const tasks = tasksOf(datalist);
  const reused = await takeOver(tasks, datalist, options);
  const outcomes = await runTasks(tasks, reused, options);
  const across = findAcrossCases(tasks, outcomes, datalist);
  const ofLists = datalist.findings ?? [];
  const ofCases = tasks.map((_, index) => [...(outcomes[index]?.findings ?? []), ...(across[index] ?? [])]);
  const findings = [
    ...(datalist.modalities.length === 0 ? [modalityUnknown(datalist.root)] : []),
    ...ofLists,
    ...tasks.flatMap((task, index) => (ofCases[index] ?? []).map((finding) => asTold(task, finding))),
  ];
  const refused = tasks.map(
    ({ role, case: { caseId } }, index) =>
      hasError(ofCases[index] ?? []) || (role === 'training' && hasError(ofLists.filter((one) => one.case === caseId))),
  );
  const cases = tasks.map((task, index) => checkedCase(task, outcomes[index] as CaseOutcome, refused[index] !== true));
  const isTaken = (outcome: CaseOutcome, index: number): boolean =>
    outcome.statistics !== null && refused[index] !== true;
  const taken = outcomes.filter(isTaken);
  const isHeldOut = sameCaseAs(options.heldOut ?? []);
  const learnt = outcomes.filter((one, index) => isTaken(one, index) && !isHeldOut(cases[index] as CheckedCase));
  const check: DatasetCheck = {
    schemaVersion: 1,
    datalist: forEveryChannel(datalist, channelsOf(datalist, outcomes) ?? 1),
    cases,
    findings,
    fingerprint: fingerprintOf(cases),
  };
  const analysis: Analysis | null =
    learnt.length === 0
      ? null
      : { schemaVersion: 1, summary: summaryOf(learnt), cases: taken.flatMap(({ statistics }) => statistics ?? []) };
  const foregrounds = new Map(
    taken.flatMap(({ sha256, foreground }) => (sha256 === null || foreground === null ? [] : [[sha256, foreground]])),
  );
  return { check, analysis, foregrounds, reusedCases: reused.size };
}

/** Outcomes of cases that an earlier check read and whose files have not changed, by position. */
async function takeOver(
  tasks: readonly CaseTask[],
  datalist: Datalist,
  { known, signal }: CheckOptions,
): Promise<Map<number, CaseOutcome>> {
  const outcomes = new Map<number, CaseOutcome>();
  const cases = knownCases(known, datalist);
  if (cases.size === 0) return outcomes;
  for (const [index, task] of tasks.entries()) {
    if (signal?.aborted === true) break; // runTasks says so.
    const sha256 = hashFiles(task.case);
    const outcome = sha256 === null ? null : outcomeOfKnown(cases.get(sha256), { ...task.case, role: task.role });
    if (outcome !== null) outcomes.set(index, outcome);
    await nextTurn();
  }
  return outcomes;
}

function summaryOf(outcomes: readonly CaseOutcome[]): AnalysisSummary {
  const statistics = outcomes.flatMap((outcome) => outcome.statistics ?? []);
  const summary = summarizeAnalysis(statistics);
  const pooled = pooledForeground(
    statistics,
    outcomes.map(({ foreground }) => foreground ?? []),
  );
  if (pooled === null) return summary;
  return { ...summary, image_foreground_stats: { ...summary.image_foreground_stats, pooled } };
}

/** One modality stands for every channel. */
function forEveryChannel(datalist: Datalist, channels: number): Datalist {
  const spread = <T>(one: T[]): T[] => (one.length === 1 ? Array<T>(channels).fill(one[0] as T) : one);
  return { ...datalist, modalities: spread(datalist.modalities), channelNames: spread(datalist.channelNames) };
}

function tasksOf(datalist: Datalist): CaseTask[] {
  const labelValues = datalist.labels.map((label) => label.value);
  const { ignoreLabel } = datalist;
  return [
    ...datalist.training.map((one) => ({ role: 'training' as const, case: one, labelValues, ignoreLabel })),
    ...datalist.testing.map((one) => ({ role: 'testing' as const, case: one, labelValues, ignoreLabel })),
    ...(datalist.unlabelled ?? []).map((one) => ({ role: 'unlabelled' as const, case: one, labelValues, ignoreLabel })),
  ];
}

/** Runs the tasks that are not done yet on this thread and as many more as pay; outcomes in the order of all tasks. */
async function runTasks(
  all: readonly CaseTask[],
  known: ReadonlyMap<number, CaseOutcome>,
  options: CheckOptions,
): Promise<CaseOutcome[]> {
  const outcomes: CaseOutcome[] = [];
  for (const [index, outcome] of known) outcomes[index] = outcome;
  const positions = all.flatMap((_, index) => (known.has(index) ? [] : [index]));
  const tasks = positions.map((index) => all[index] as CaseTask);
  let done = known.size;
  const accept = ({ index, outcome }: QueueAnswer): void => {
    outcomes[positions[index] as number] = outcome;
    done += 1;
    options.onProgress?.(done, all.length);
  };
  const queue: QueueData = { tasks, counter: new SharedArrayBuffer(4) };
  const threads = Math.max(1, Math.min(options.workers ?? availableParallelism(), tasks.length));
  const extra = Math.min(threads - 1, Math.floor(bytesOf(tasks) / BYTES_PER_EXTRA_WORKER));
  const workers = Array.from({ length: extra }, () => startWorker(new URL('./case-worker.ts', import.meta.url), queue));
  const finished = workers.map((worker) => endOf(worker, accept));
  const failed = Promise.all(finished);
  failed.catch(() => undefined); // Awaited below; until then a failure must not count as unhandled.
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const answer = takeCase(queue);
      if (answer === null) break;
      accept(answer);
      await nextTurn();
    }
    await Promise.race([failed, abortOf(options.signal)]);
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
    throw new VoxhelmError('cancelled', `the check was cancelled after ${done} of ${all.length} cases`);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return outcomes;
}

/** Never resolves without an abort. */
function abortOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

function bytesOf(tasks: readonly CaseTask[]): number {
  let bytes = 0;
  for (const { case: one } of tasks) {
    for (const path of [...one.images, ...(one.label === null ? [] : [one.label])]) {
      bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

/** A case that waits for its label holds up no run: whatever is wrong with it is told as a warning. */
function asTold(task: CaseTask, finding: Finding): Finding {
  return task.role === 'unlabelled' ? { ...finding, severity: 'warning' } : finding;
}

function hasError(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === 'error');
}

function checkedCase(task: CaseTask, outcome: CaseOutcome, valid: boolean): CheckedCase {
  const { caseId, images, label, fold, patient } = task.case;
  return {
    caseId,
    role: task.role,
    images,
    label,
    ...(fold === undefined ? {} : { fold }),
    ...(patient === undefined ? {} : { patient }),
    valid,
    sha256: outcome.sha256,
    voxelSha256: outcome.voxelHash,
    channels: outcome.channels,
    shape: outcome.shape === null ? null : [...outcome.shape],
    spacingMm: outcome.spacingMm === null ? null : [...outcome.spacingMm],
  };
}

/** Names the data: the same valid cases give the same fingerprint wherever they lie and in whatever order. */
function fingerprintOf(cases: readonly CheckedCase[]): string {
  const named = cases.filter((one) => one.valid && one.role !== 'unlabelled');
  const lines = named.map((one) => JSON.stringify([one.caseId, one.role, one.sha256]));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
