import { VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import { TransformList } from '@voxhelm/contracts/transforms';
import type { z } from 'zod';

/*
 * Lists of transforms, read from JSON.
 */

const EXAMPLE = '[{ "name": "RandFlipd", "prob": 0.5 }]';

/** Reads a list of transforms; throws `invalid-request` naming every transform and option that is wrong. */
export function readTransforms(json: unknown): TransformList {
  if (!Array.isArray(json)) throw noList(json);
  const parsed = TransformList.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => faultOf(issue, json));
  throw new VoxhelmError('invalid-request', `the list of transforms is wrong:\n${faults.join('\n')}`, {
    fix: 'docs/transforms.md lists names, options and defaults.',
    details: { issues: parsed.error.issues.map(({ path, message }) => ({ path, message })) },
  });
}

function noList(json: unknown): VoxhelmError {
  const isOne = typeof json === 'object' && json !== null && 'name' in json;
  const what = isOne ? `one transform, ${String(json.name)}, outside a list` : 'no list';
  return new VoxhelmError('invalid-request', `transforms stand in a list, and here is ${what}`, {
    fix: `Write it in brackets: ${EXAMPLE}; in YAML, each with a dash: - { name: RandFlipd, prob: 0.5 }.`,
  });
}

/** What is wrong at one place of a list, as a sentence. */
function faultOf(issue: z.core.$ZodIssue, json: readonly unknown[]): string {
  const [index, ...rest] = issue.path;
  if (typeof index !== 'number') return issue.message;
  const given = json[index];
  if (typeof given !== 'object' || given === null) return `[${index}] is no transform: write ${EXAMPLE}`;
  const name = 'name' in given ? given.name : undefined;
  if (issue.code === 'invalid_union' && rest.length === 1 && rest[0] === 'name') return nameFault(index, name);
  const where = [`[${index}]`, ...rest.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))];
  const what = issue.code === 'unrecognized_keys' ? unknownOptions(issue.keys, name) : issue.message;
  return `${where.join('')} of ${String(name)}: ${what}`;
}

function nameFault(index: number, name: unknown): string {
  if (name === undefined) return `[${index}] has no name: write it as in ${EXAMPLE}`;
  const known = TransformList.element.options.map(({ shape }) => shape.name.value);
  const near = typeof name === 'string' ? nearest(name, known) : undefined;
  const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
  return `[${index}].name: there is no transform ${JSON.stringify(name)}; ${hint}`;
}

function unknownOptions(options: readonly string[], name: unknown): string {
  const schema = TransformList.element.options.find(({ shape }) => shape.name.value === name);
  const known = Object.keys(schema?.shape ?? {});
  const named = options.map((option) => {
    const near = nearest(option, known);
    return near === undefined
      ? `there is no option ${option} here`
      : `there is no option ${option}; did you mean ${near}?`;
  });
  return named.join(', ');
}
