import { VoxhelmError } from '@voxhelm/contracts/errors';
import * as language from 'hyperparameters/lib/hyperparameters.js';

/*
 * The language of the npm package `hyperparameters` (hyperopt's: choice, uniform, loguniform, ...), read by structure. Only
 * its language is used: its sampling engine has a faulty random generator and no names for parameters.
 */

/** The language's constructors: each returns a plain JSON object. Bounds of log... are natural logarithms, as in hyperopt. */
export const hp = {
  choice: language.choice,
  randint: language.randint,
  uniform: language.uniform,
  quniform: language.quniform,
  loguniform: language.loguniform,
  qloguniform: language.qloguniform,
  normal: language.normal,
  qnormal: language.qnormal,
  lognormal: language.lognormal,
  qlognormal: language.qlognormal,
} as const;

/** An expression: the constructor's name and its fields. */
export type Expression = Readonly<Record<string, unknown>> & { readonly name: string };
/** A plain value of a space. */
export type Constant = number | string | boolean;

const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  choice: ['options'],
  randint: ['upper'],
  uniform: ['low', 'high'],
  quniform: ['low', 'high', 'q'],
  loguniform: ['low', 'high'],
  qloguniform: ['low', 'high', 'q'],
  normal: ['mu', 'sigma'],
  qnormal: ['mu', 'sigma', 'q'],
  lognormal: ['mu', 'sigma'],
  qlognormal: ['mu', 'sigma', 'q'],
};

/** Refuses a space or a point, naming the parameter. */
export function refuse(path: string, problem: string): never {
  throw new VoxhelmError('invalid-request', `search space: parameter "${path}" ${problem}`, {
    fix: 'Correct the space: bounds finite and low < high, steps above 0, at least one option, each option once.',
    details: { path },
  });
}

/** An object that is no list. */
export function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number (finite), string or boolean. */
export function isConstant(value: unknown): value is Constant {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}

/** An expression has exactly the fields of its constructor: data with a key "name" is no expression by that alone. */
export function isExpression(value: unknown): value is Expression {
  if (!isGroup(value)) return false;
  const { name } = value as { name?: unknown };
  if (typeof name !== 'string' || !Object.hasOwn(FIELDS, name)) return false;
  const expected = ['name', ...(FIELDS[name] ?? [])];
  return Object.keys(value).length === expected.length && expected.every((key) => Object.hasOwn(value, key));
}

/** Refuses a name that cannot be part of a path. */
export function checkName(path: string, name: string): void {
  if (name === '' || name.includes('.') || RESERVED.has(name)) {
    refuse(path, 'has a name that is empty, reserved or holds a dot');
  }
}

/** One option of a choice. */
export interface ChoiceOption {
  /** The parameter's value where this option is chosen. */
  readonly label: Constant;
  /** What is drawn where it is chosen: a group or an expression; null for plain data. */
  readonly content: Record<string, unknown> | null;
  /** The path under which the content's parameters are named, without the trailing dot. */
  readonly prefix: string;
  /** The group's key that holds the label itself and is no parameter; null where there is none. */
  readonly labelKey: string | null;
}

/**
 * The options of the choice at `path`, whose group has the path prefix `parent`. A plain value is its own label; of an
 * object with one key that holds a group, the key; of other objects, the text that tells them apart ("name", or whatever
 * key holds another text in each); of lists, null and expressions, their JSON or their position. Throws `invalid-request`.
 */
export function readOptions(parent: string, path: string, expression: Expression): ChoiceOption[] {
  const given = expression['options'];
  if (!Array.isArray(given) || given.length === 0) refuse(path, 'is a choice without options');
  const labelKey = findLabelKey(given);
  const options = given.map((option: unknown, index) => readOption(parent, path, option, index, labelKey));
  if (new Set(options.map(({ label }) => String(label))).size !== options.length)
    refuse(path, 'has the same option twice');
  return options;
}

function readOption(
  parent: string,
  path: string,
  option: unknown,
  index: number,
  labelKey: string | null,
): ChoiceOption {
  const named = (
    label: Constant,
    content: Record<string, unknown> | null,
    prefix: string,
    key: string | null = null,
  ) => {
    if (content !== null) checkName(path, String(label));
    return { label, content, prefix, labelKey: key };
  };
  if (isConstant(option)) return named(option, null, path);
  if (option === null || Array.isArray(option)) return named(JSON.stringify(option), null, path);
  if (!isGroup(option)) refuse(path, `has an option that is no data: ${String(option)}`);
  if (isExpression(option)) return named(String(index), option, `${path}.${index}`);
  const [key, second] = Object.keys(option);
  const inner = key === undefined ? undefined : option[key];
  if (key !== undefined && second === undefined && isGroup(inner) && !isExpression(inner)) {
    return named(key, inner, `${parent}${key}`);
  }
  const label = labelKey === null ? index : option[labelKey];
  return named(label === index ? String(index) : (label as string), option, `${path}.${String(label)}`, labelKey);
}

/** The key whose text tells the objects among the options apart: "name", or another that each of them has. */
function findLabelKey(options: readonly unknown[]): string | null {
  const groups = options.filter((option) => isGroup(option) && !isExpression(option)) as Record<string, unknown>[];
  const [first] = groups;
  if (first === undefined) return null;
  const keys = Object.keys(first).sort((a, b) => Number(b === 'name') - Number(a === 'name'));
  const telling = keys.find((key) => {
    const texts = groups.map((group) => group[key]);
    return (
      texts.every((text) => typeof text === 'string' && !text.includes('.')) && new Set(texts).size === texts.length
    );
  });
  return telling ?? null;
}
