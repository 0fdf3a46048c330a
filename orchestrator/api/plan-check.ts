import { wrongRatios } from '@voxhelm/algorithms/given-choices';
import type { AlgorithmPlanner, PlanInput } from '@voxhelm/algorithms/planner';
import { defaultAlgorithms, planners } from '@voxhelm/algorithms/planners';
import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import {
  declaredLabels,
  LabelDefinition,
  labelsOf,
  Modality,
  withBackground,
  wrongChannels,
} from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import { Device } from '@voxhelm/contracts/plan';
import type { PlanOverrides, RunRequest } from '@voxhelm/contracts/run';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { Transaction } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { registeredAnalysis } from '../known-analysis.ts';
import { type FieldError, fieldError } from './errors.ts';

/*
 * What a request's `plan` asks that cannot be planned, refused when it is submitted: some of it whatever the dataset, some by
 * the labels that its list declares, and where the dataset was analysed before, all that planning itself refuses.
 */

/** The planners of a run's algorithms; of a name that there is none for another check tells. */
function plannersOf({ algorithms }: RunRequest): AlgorithmPlanner[] {
  return (algorithms ?? defaultAlgorithms).flatMap((name) => {
    const planner = Object.hasOwn(planners, name) ? planners[name] : undefined;
    return planner === undefined ? [] : [planner];
  });
}

/** What no algorithm of the run, or one that it names, can do of its `plan`, whatever the dataset. */
export function planErrors(request: RunRequest): FieldError[] {
  const { plan } = request;
  if (plan === undefined) return [];
  // A whole edited plan brings all of its own.
  const tried = plannersOf(request).filter(({ name }) => plan.plans?.[name] === undefined);
  if (tried.length === 0) return [];
  const named = request.algorithms !== undefined;
  return [
    ...optionErrors(plan.network ?? {}, tried, named),
    ...freezeErrors(plan, tried, named),
    ...ratioErrors(request),
  ];
}

function optionErrors(
  options: NonNullable<PlanOverrides['network']>,
  tried: readonly AlgorithmPlanner[],
  named: boolean,
): FieldError[] {
  const names = Object.keys(options);
  const lacking = (known: readonly string[]): string[] => names.filter((name) => !known.includes(name));
  if (named) {
    return tried.flatMap(({ name, networkOptions }) =>
      lacking(networkOptions).map((option) => unknownOption(option, `the network of ${name}`, networkOptions)),
    );
  }
  // Who names no algorithm asks those that have the options.
  if (tried.some(({ networkOptions }) => lacking(networkOptions).length === 0)) return [];
  const all = [...new Set(tried.flatMap(({ networkOptions }) => networkOptions))];
  const unknown = lacking(all).map((option) => unknownOption(option, 'any network', all));
  const message = `no network has all of ${names.join(', ')}: give those of one, and name its algorithm`;
  return unknown.length > 0 ? unknown : [{ pointer: '/plan/network', message }];
}

function unknownOption(option: string, whose: string, known: readonly string[]): FieldError {
  const suggestion = nearest(option, known);
  const hint = suggestion === undefined ? `there are ${known.join(', ')}` : `did you mean "${suggestion}"?`;
  return {
    pointer: `/plan/network/${option}`,
    message: `"${option}" is no option of ${whose}; ${hint}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

function freezeErrors(plan: PlanOverrides, tried: readonly AlgorithmPlanner[], named: boolean): FieldError[] {
  if (plan.freeze !== 'encoder') return [];
  const pointer = '/plan/freeze';
  const without = tried.filter(({ hasEncoder }) => !hasEncoder);
  if (without.length > 0 && (named || without.length === tried.length)) {
    const names = without.map(({ name }) => name).join(', ');
    return [
      { pointer, message: `${names} has no encoder that could be frozen: take it out, or name other algorithms` },
    ];
  }
  if (plan.startFrom !== undefined) return [];
  const message = 'keeps the encoder as given weights have it, and none are given: give plan.startFrom as well';
  return [{ pointer, message }];
}

function ratioErrors({ plan, labels }: RunRequest): FieldError[] {
  if (plan?.classRatios === undefined) return [];
  const message = wrongRatios(plan.classRatios, labels === undefined ? null : withBackground(labelsOf(labels)));
  return message === null ? [] : [{ pointer: '/plan/classRatios', message }];
}

/**
 * Refuses a `plan` that could not be planned for a registered dataset: by its statistics where it was analysed as it lies, else
 * by the labels of its list alone. What only the run's own look at it can tell is left to that.
 */
export async function checkPlanned(transaction: Transaction, request: RunRequest, datasetId: string): Promise<void> {
  const { plan } = request;
  if (plan === undefined || request.labels !== undefined || request.modality !== undefined) return;
  const dataset = await transaction.dataset.findUniqueOrThrow({
    where: { id: datasetId },
    select: { path: true, givenLabels: true },
  });
  // Its list may have changed since; where this server cannot read it (the trainer can), what was analysed holds.
  const list = dataset.givenLabels === null ? await readDatalist(dataset.path).catch(() => null) : null;
  const declared = list === null ? null : declaredLabels(list);
  const wrong = plan.classRatios === undefined ? null : wrongRatios(plan.classRatios, declared);
  if (wrong !== null) throw fieldError('/plan/classRatios', wrong);
  const input = await planInputOf(transaction, plan, datasetId);
  if (input === null) return;
  const labels = declared ?? input.labels;
  const refusals = plannersOf(request).map((planner) => refusalOf(planner, { ...input, labels }));
  const refused = refusals.filter((refusal) => refusal !== null);
  const [first] = refused;
  // Of algorithms that nobody named, one that cannot take the values is left out.
  if (first === undefined || (request.algorithms === undefined && refused.length < refusals.length)) return;
  const field = String(first.details['field'] ?? 'plan');
  throw fieldError(`/${field.replaceAll('.', '/')}`, first.message, first.fix === undefined ? {} : { fix: first.fix });
}

/**
 * Refuses a list of modalities that the images of a dataset have not the channels for, where it was analysed before; of any other
 * its run's own look tells.
 */
export async function checkChannelsKnown(
  transaction: Transaction,
  request: RunRequest,
  datasetId: string,
): Promise<void> {
  const { modality } = request;
  if (!Array.isArray(modality)) return;
  const analysis = await registeredAnalysis(transaction, datasetId);
  const channels =
    analysis === null ? 0 : fromJson('Analysis.modalities', z.array(Modality), analysis.modalities).length;
  if (channels === 0 || channels === modality.length) return;
  const { message, fix } = wrongChannels(modality, channels);
  throw fieldError('/modality', message, { fix });
}

/** What a plan of the dataset as it was analysed is made from; null where it was not. */
async function planInputOf(
  transaction: Transaction,
  overrides: PlanOverrides,
  datasetId: string,
): Promise<PlanInput | null> {
  const analysis = await registeredAnalysis(transaction, datasetId);
  if (analysis === null || analysis.summary === null) return null;
  const modalities = fromJson('Analysis.modalities', z.array(Modality), analysis.modalities);
  if (modalities.length === 0) return null;
  return {
    summary: fromJson('Analysis.summary', AnalysisSummary, analysis.summary),
    device: fromJson('Analysis.device', Device, analysis.device),
    labels: fromJson('Analysis.labels', z.array(LabelDefinition), analysis.labels),
    modalities,
    trainingCases: analysis.trainingCases,
    fold: 0,
    overrides,
  };
}

function refusalOf(planner: AlgorithmPlanner, input: PlanInput): VoxhelmError | null {
  try {
    planner.plan(input);
    return null;
  } catch (error) {
    if (error instanceof VoxhelmError && error.code === 'invalid-request') return error;
    throw error;
  }
}
