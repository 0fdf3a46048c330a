import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planners } from '@voxhelm/algorithms/planners';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { RunRequestInput } from '@voxhelm/contracts/run';
import { startTestService } from '../support/service.ts';
import { anchorPython, INSTALL, trainAnchor } from './accuracy/anchor.ts';
import { type Cases, defaultData, layOut, readCases, SPLITS } from './accuracy/dataset.ts';
import { type Curve, type FinishedRun, runToItsEnd } from './accuracy/run.ts';
import { chosen, minutesOf, oneOf } from './lib/arguments.ts';
import { say } from './lib/json-lines.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';
import { rounded } from './lib/statistics.ts';

/** A model of this Dice is worth looking at (issue 7). */
const USABLE_DICE = 0.8;

/** For `--help`. */
export const ABOUT =
  'Dice on cases that no training saw, per minute spent: a JSON line an algorithm, one of the whole service, and one of MONAI where a Python has it.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  data: {
    value: 'DIR',
    about: 'a dataset; by default the 200 cases beside this checkout, of which 150 train, else the sample',
    default: defaultData(),
  },
  test: { value: 'DIR', about: 'cases to test on; absent: 50 of those 200' },
  split: {
    value: 'last|spread',
    about: 'which 50: the last of the list, or every fourth, so that both parts are alike',
    default: 'last',
  },
  minutes: { value: 'N', about: 'of each training, parts of one too', default: '20' },
  algorithms: { value: 'LIST', about: 'what runs: algorithms, service, anchor; absent: all' },
  anchor: {
    value: 'PYTHON',
    about: 'a Python with torch and monai, which is measured beside ours; absent: one that is at hand, if any',
  },
  keep: { value: 'DIR', about: 'where bundles, reports and test scores of our runs stay; absent: nowhere' },
} as const satisfies BenchOptions;

/**
 * Dice on cases that no training saw, per minute spent: each algorithm alone (one search trial on one fold) and the whole service, each
 * through a real service over HTTP with `budget` set to the minutes; with a Python that has MONAI (`--anchor`, or one that is at
 * hand), its network trained for the same time. By default the first 150 of the 200 cases beside this checkout train and the last
 * 50 test (`--split spread`: every fourth tests); where they are not there, the sample dataset's. Which data and which Python is told on
 * standard error. `--algorithms` names what runs: algorithms, `service`, `anchor`. `--keep`: bundles, reports and test scores of our runs stay in that folder.
 */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const minutes = minutesOf('minutes', values.minutes);
  const python = anchorPython(values.anchor);
  const known = [...Object.keys(planners), 'service', 'anchor'];
  const names = chosen('algorithms', values.algorithms, known).filter((name) => name !== 'anchor' || python !== null);
  if (python === null && values.algorithms?.split(',').includes('anchor') === true) {
    throw new VoxhelmError('not-installed', 'no Python with MONAI is at hand for the anchor', { fix: INSTALL });
  }
  const cases = await readCases(values.data, values.test, oneOf('split', values.split, SPLITS));
  tell(`data: ${values.data}: ${cases.training.length} cases train, ${cases.test.length} test`);
  tell(
    python === null
      ? `the anchor is left out: no Python with MONAI is at hand. ${INSTALL}`
      : `the anchor's Python: ${python}`,
  );
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-accuracy-'));
  await chmod(folder, 0o755);
  try {
    await layOut(cases, join(folder, 'data'));
    for (const name of names) {
      try {
        say(
          name === 'anchor' && python !== null
            ? { name, minutes, ...(await trainAnchor(python, cases, minutes)) }
            : await trainOurs(name, join(folder, 'data'), minutes, cases, values.keep),
        );
      } catch (error) {
        // What the others reach took hours: a run that fails is told in its place.
        if (!(error instanceof VoxhelmError)) throw error;
        say({ name, minutes, failed: error.message });
        process.exitCode = 1;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What was chosen, beside the JSON lines. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function requestOf(name: string, dataset: string, minutes: number): RunRequestInput {
  const request: RunRequestInput = { name: `accuracy ${name}`, dataset, budget: `${minutes}m`, seed: 1 };
  return name === 'service' ? request : { ...request, algorithms: [name], folds: 1, search: { trials: 1 } };
}

async function trainOurs(name: string, dataset: string, minutes: number, cases: Cases, keep: string | undefined) {
  const service = await startTestService();
  try {
    const finished = await runToItsEnd(service, requestOf(name, dataset, minutes));
    if (keep !== undefined) await keepArtifacts(service.url, finished.detail, join(keep, name));
    return lineOf(name, minutes, finished, cases);
  } finally {
    await service.stop();
  }
}

/** Copies what a run made into a folder. */
async function keepArtifacts(url: string, { artifacts }: FinishedRun['detail'], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { href, name } of artifacts) {
    const response = await fetch(new URL(href, url));
    await writeFile(join(folder, name), Buffer.from(await response.arrayBuffer()));
  }
}

function lineOf(name: string, minutes: number, finished: FinishedRun, cases: Cases) {
  const { detail, curve, stageMinutes, minutes: took } = finished;
  const test = detail.scores.test;
  return {
    name,
    minutes,
    tookMinutes: rounded(took),
    trainingCases: cases.training.length,
    testCases: cases.test.length,
    dice: test?.mean.dice ?? null,
    diceByClass: Object.fromEntries(Object.entries(test?.mean.classes ?? {}).map(([key, { dice }]) => [key, dice])),
    hd95Mm: test?.mean.hd95Mm ?? null,
    worst: test?.worst ?? null,
    worstFive: (test?.cases ?? [])
      .toSorted((a, b) => (a.dice ?? 1) - (b.dice ?? 1))
      .slice(0, 5)
      .map((one) => ({ case: one.case, dice: one.dice })),
    usableMinutes: usableAt(curve),
    stageMinutes: Object.fromEntries(Object.entries(stageMinutes).map(([stage, spent]) => [stage, rounded(spent)])),
    trials: detail.trials.map(({ algorithm, fold, kind, step, bestDice }) => ({
      algorithm,
      fold,
      kind,
      step,
      bestDice,
    })),
    members: detail.ensemble?.members.map(({ algorithm, fold }) => `${algorithm} fold ${fold}`) ?? [],
    curve: curve.map((point) => [rounded(point.minutes), rounded(point.dice)]),
  };
}

function usableAt(curve: Curve): number | null {
  const first = curve.find(({ dice }) => dice >= USABLE_DICE);
  return first === undefined ? null : rounded(first.minutes);
}
