import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plannerOf } from '@voxhelm/algorithms/planners';
import type { DatalistCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { deviceInfo } from '@voxhelm/nn/engine';
import { SAMPLES } from '../support/small-dataset.ts';
import { countOf } from './lib/arguments.ts';
import { say } from './lib/json-lines.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';
import { rounded } from './lib/statistics.ts';
import { openTrainings, type Trained } from './warm-start/training.ts';

/** Equal Dice: this share of the best that a training from nothing reaches. */
const SHARE_OF_BEST = 0.99;

/** For `--help`. */
export const ABOUT =
  "What a retraining from the champion's weights saves: a JSON line a training, and one with the seconds that each needed to the same Dice.";

/** See {@link BenchOptions}. */
export const OPTIONS = {
  data: { value: 'DIR', about: 'a dataset', default: SAMPLES },
  cases: { value: 'N', about: 'cases that the champion trains on', default: '16' },
  new: { value: 'N', about: 'cases that come later', default: '4' },
  steps: { value: 'N', about: 'of each training', default: '300' },
  'validate-every': { value: 'N', about: 'steps between validations', default: '15' },
  seed: { value: 'N', about: 'of everything that is drawn', default: '0' },
} as const satisfies BenchOptions;

/**
 * What a retraining from the champion's weights saves. Trains a champion on the first `cases` training cases, then, by the same
 * plan, a model on `new` more from its weights and one from nothing; the dataset's test cases, which neither learns from,
 * validate all three. Prints a JSON line a training, and one with the seconds that each needed to the same Dice. Each training
 * is a trainer's own job in its own process.
 */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const [known, added] = [countOf('cases', values.cases), countOf('new', values.new)];
  const steps = countOf('steps', values.steps);
  const plan = await planFor(values.data, known, steps, countOf('validate-every', values['validate-every']));
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-warm-start-'));
  const trainings = await openTrainings(folder, Number(values.seed));
  try {
    const { training, testing } = await casesOf(values.data, known + added);
    const train = async (name: string, count: number, from: Trained | null): Promise<Trained> => {
      const done = await trainings.train({ name, plan, training: training.slice(0, count), validation: testing, from });
      const { bestDice, bestStep, stepSeconds, validationSeconds, wallSeconds, curve } = done;
      const times = [stepSeconds, validationSeconds, wallSeconds].map(rounded);
      const [step, validation, wall] = times;
      const cases = { cases: count, validationCases: testing.length };
      say({
        name,
        ...cases,
        bestDice,
        bestStep,
        stepSeconds: step,
        validationSeconds: validation,
        wallSeconds: wall,
        curve,
      });
      return done;
    };
    const champion = await train('champion', known, null);
    const nothing = await train('from nothing', known + added, null);
    const warm = await train('from the champion', known + added, champion);
    say({ name: 'warm-start', device: deviceInfo().name, patch: plan.patchSize, steps, ...compared(nothing, warm) });
  } finally {
    await trainings.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The plan of the champion's dataset: a retraining takes it over. */
async function planFor(data: string, cases: number, steps: number, validateEverySteps: number): Promise<Plan> {
  const datalist = await readDatalist(data);
  const known = { ...datalist, training: datalist.training.slice(0, cases), testing: [], unlabelled: [] };
  const { check, analysis } = await checkAndAnalyze(known);
  if (analysis === null) throw new VoxhelmError('bad-dataset', `${data} has no valid training case`);
  return plannerOf('segresnet').plan({
    summary: analysis.summary,
    device: deviceInfo(),
    labels: check.datalist.labels,
    modalities: check.datalist.modalities,
    trainingCases: cases,
    fold: 0,
    overrides: { steps, validateEverySteps },
  });
}

async function casesOf(data: string, wanted: number) {
  const { training, testing } = await readDatalist(data);
  const judged = testing.filter((one): one is DatalistCase & { label: string } => one.label !== null);
  if (training.length < wanted || judged.length === 0) {
    throw new VoxhelmError(
      'invalid-request',
      `${data} has ${training.length} training and ${judged.length} labelled test cases; ${wanted} and 1 are the least`,
      { fix: 'Ask for fewer --cases, or name another --data.' },
    );
  }
  return { training, testing: judged };
}

/** Seconds to the same Dice, the start (the same for both) left out. */
function compared(nothing: Trained, warm: Trained) {
  const targetDice = (nothing.bestDice ?? 0) * SHARE_OF_BEST;
  const [fromNothing, fromChampion] = [nothing.reached(targetDice), warm.reached(targetDice)];
  const saved =
    fromNothing === null || fromChampion === null ? null : rounded((fromNothing.seconds - fromChampion.seconds) / 60);
  return { targetDice: rounded(targetDice), fromNothing, fromChampion, savedMinutes: saved };
}
