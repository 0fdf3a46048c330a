import { Modality } from '@voxhelm/contracts/dataset';
import { RunRequest, type RunRequestInput } from '@voxhelm/contracts/run';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';

/** A field of the form: where its value stands in the request, and what holds where it is left empty, with the reason. */
export interface Field {
  readonly path: string;
  readonly label: string;
  readonly kind: 'text' | 'integer' | 'number' | 'triple' | 'switch' | 'choice' | 'yaml';
  readonly choices?: readonly string[];
  readonly placeholder?: string;
  readonly hint: string;
}

/** What most people look at. */
export const MAIN_FIELDS: readonly Field[] = [
  { path: 'name', label: 'Name', kind: 'text', hint: "Empty: the dataset's name." },
  {
    path: 'budget',
    label: 'Time budget',
    kind: 'text',
    placeholder: '30m',
    hint: 'Of the whole run: 20m, 6h, 2d by the clock, or 40 gpu-hours of all trainers together. Empty: no limit; the plans then train as long as their rules say.',
  },
  {
    path: 'folds',
    label: 'Folds',
    kind: 'integer',
    placeholder: '5',
    hint: 'Empty: 5, as Auto3DSeg and nnU-Net do; fewer where the budget is short, for a fold must train long enough.',
  },
  {
    path: 'submittedBy',
    label: 'Submitted by',
    kind: 'text',
    hint: 'A name that others see beside the run; no login, and nobody checks it. This browser remembers it.',
  },
];

/** Everything else, folded away. */
export const MORE_FIELDS: readonly Field[] = [
  {
    path: 'search.trials',
    label: 'Search trials',
    kind: 'integer',
    hint: 'Empty: chosen from the budget, so that about half of it searches.',
  },
  {
    path: 'search.sampler',
    label: 'Sampler',
    kind: 'choice',
    choices: choicesOf('sampler'),
    hint: `How the next configuration is chosen. Empty: ${defaultOf('sampler')}.`,
  },
  {
    path: 'search.pruner',
    label: 'Stopping early',
    kind: 'choice',
    choices: choicesOf('pruner'),
    hint: `Empty: ${defaultOf('pruner')}; trials that fall behind at the same step give their time to others.`,
  },
  {
    path: 'search.parallel',
    label: 'Trials at once',
    kind: 'integer',
    hint: 'Empty: as many as trainers are connected.',
  },
  {
    path: 'search.spaces',
    label: 'Search space',
    kind: 'yaml',
    placeholder: 'segresnet:\n  learningRate: { low: 0.0005, high: 0.01, log: true }',
    hint: 'By algorithm, as YAML. Empty: what each algorithm searches by itself.',
  },
  {
    path: 'modality',
    label: 'Modality',
    kind: 'choice',
    choices: Modality.options,
    hint: 'Of all channels; it decides how intensities are normalised. Empty: what the dataset says; a plain folder of images and labels says nothing.',
  },
  {
    path: 'seed',
    label: 'Seed',
    kind: 'integer',
    placeholder: '0',
    hint: 'The same seed, data, device and decisions give the same weights.',
  },
  {
    path: 'skipInvalid',
    label: 'Go on without faulty cases',
    kind: 'switch',
    hint: 'Off: the run stops where the check finds errors, so that nothing is left out unseen.',
  },
  {
    path: 'plan.steps',
    label: 'Training steps',
    kind: 'integer',
    hint: 'Empty: from the dataset, cut to what the budget allows.',
  },
  {
    path: 'plan.patchSize',
    label: 'Patch size',
    kind: 'triple',
    placeholder: '96, 96, 96',
    hint: "Empty: the largest that fits the device's memory and the images.",
  },
  { path: 'plan.batchSize', label: 'Batch size', kind: 'integer', hint: "Empty: what the device's memory holds." },
  {
    path: 'plan.spacingMm',
    label: 'Spacing in mm',
    kind: 'triple',
    hint: 'Empty: from the median spacing of the dataset.',
  },
  {
    path: 'plan.learningRate',
    label: 'Learning rate',
    kind: 'number',
    hint: 'Empty: searched, around the algorithm’s own.',
  },
  {
    path: 'plan.startFrom',
    label: 'Start from',
    kind: 'text',
    placeholder: 'run:… or a path on the server',
    hint: 'Weights to begin with: a bundle, a safetensors or PyTorch file, or run:ID for the bundle of that run. Empty: drawn from the seed.',
  },
  {
    path: 'plan.freeze',
    label: 'Frozen',
    kind: 'choice',
    choices: ['none', 'encoder'],
    hint: 'encoder: it stays as the weights to start from have it, and only the rest is trained. Empty: none.',
  },
  {
    path: 'plan.optimizer',
    label: 'Optimiser',
    kind: 'choice',
    choices: ['adamw', 'sgd-nesterov'],
    hint: 'Empty: the algorithm’s own for the device.',
  },
  {
    path: 'plan.ema',
    label: 'Mean of weights, decay',
    kind: 'number',
    placeholder: '0.999',
    hint: 'A running mean of the weights validates and is kept. Empty: the weights themselves.',
  },
  {
    path: 'plan.validateEverySteps',
    label: 'Validate every … steps',
    kind: 'integer',
    hint: 'Empty: so often that validation costs a fifth of the time at most.',
  },
  {
    path: 'plan.network.init_filters',
    label: 'First filters of the network',
    kind: 'integer',
    hint: 'Empty: the algorithm’s own.',
  },
];

function choicesOf(name: 'sampler' | 'pruner'): readonly string[] {
  const settings = RunRequest.shape.search.unwrap().shape[name];
  return settings.unwrap().options;
}

function defaultOf(name: 'sampler' | 'pruner'): string {
  const parsed = RunRequest.parse({ dataset: 'x', search: {} });
  return String(parsed.search?.[name]);
}

/** What the form holds: text by path, as typed. */
export type FormValues = Readonly<Record<string, string>>;

/** The request that the form says. What is empty is left out, so that the service's defaults hold. */
export function requestOf(base: RunRequestInput, values: FormValues, algorithms: readonly string[]): RunRequestInput {
  const request: Record<string, unknown> = structuredClone(base) as Record<string, unknown>;
  for (const field of [...MAIN_FIELDS, ...MORE_FIELDS]) {
    const text = values[field.path];
    if (text !== undefined) put(request, field.path.split('.'), parseField(field, text.trim()));
  }
  if (algorithms.length > 0) request['algorithms'] = [...algorithms];
  else delete request['algorithms'];
  return request as RunRequestInput;
}

/** A request as the form shows it. */
export function valuesOf(request: RunRequestInput): FormValues {
  return Object.fromEntries(
    [...MAIN_FIELDS, ...MORE_FIELDS].flatMap(({ path }) => {
      const value = path
        .split('.')
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], request);
      return value === undefined ? [] : [[path, shownAs(value)]];
    }),
  );
}

function shownAs(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' && value !== null ? stringify(value).trim() : String(value);
}

/** Every wrong field by its path, as the service would say it. */
export function faultsOf(request: RunRequestInput): Map<string, string> {
  const issues = RunRequest.safeParse(request).error?.issues ?? [];
  return new Map(issues.map((issue) => [issue.path.join('.'), inWords(issue)]));
}

/** What a fault says; of a wrong kind of number in fewer words than the schema's library. */
function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'int') return 'Must be a whole number';
  return issue.expected === 'number' ? 'Must be a number' : issue.message;
}

/** Faults by the field that they are of, and in words those that are of no field. */
export interface PlacedFaults {
  readonly byField: Map<string, string>;
  readonly others: readonly string[];
}

/** Brings faults to their fields: a fault inside a field's value ("plan.patchSize.1") is the field's. */
export function placeFaults(faults: Iterable<readonly [path: string, message: string]>): PlacedFaults {
  const paths = ['dataset', ...[...MAIN_FIELDS, ...MORE_FIELDS].map(({ path }) => path)];
  const byField = new Map<string, string>();
  const others: string[] = [];
  for (const [path, message] of faults) {
    const field = paths.find((each) => path === each || path.startsWith(`${each}.`));
    if (field === undefined) others.push(`${path || 'the request'}: ${message}`);
    else if (!byField.has(field)) byField.set(field, message);
  }
  return { byField, others };
}

/** A field's label by its path. */
export function labelOf(path: string): string {
  return [...MAIN_FIELDS, ...MORE_FIELDS].find((field) => field.path === path)?.label ?? 'Dataset';
}

function parseField(field: Field, text: string): unknown {
  if (text === '') return undefined;
  if (field.kind === 'switch') return text === 'true' ? true : undefined;
  if (field.kind === 'yaml') return yamlOr(text);
  // One for each channel, as a cloned request may have it.
  if (field.kind === 'choice' && text.includes(',')) return text.split(/\s*,\s*/);
  if (field.kind === 'triple')
    return text
      .split(/[\s,x×]+/)
      .filter(Boolean)
      .map(numberOr);
  return field.kind === 'integer' || field.kind === 'number' ? numberOr(text) : text;
}

/** What is no YAML stays text, and the check says so at its field. */
function yamlOr(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** What is no number stays text, and the check says so at its field. */
function numberOr(text: string): number | string {
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    if (value === undefined) delete target[name];
    else target[name] = value;
    return;
  }
  const inner = { ...(target[name] as Record<string, unknown> | undefined) };
  put(inner, rest, value);
  if (Object.keys(inner).length === 0) delete target[name];
  else target[name] = inner;
}
