import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Point } from '@voxhelm/contracts/trial';
import * as language from 'hyperparameters/lib/hyperparameters.js';

/*
 * Search spaces in the language of the npm package `hyperparameters` (hyperopt's: choice, uniform, loguniform, ...).
 * Only its language is used: its sampling engine has a faulty random generator and no names for parameters
 * (../shared/reference/search.md 2.1). Here the expressions are read by structure, checked, and given names by path.
 *
 * A space is a tree of plain JSON: objects group, expressions draw. In a `choice`, an option is a plain value, or an
 * object with exactly one key, whose key is then the value and whose content is a group of parameters that exist only
 * where it is chosen:
 *
 *     { algorithm: hp.choice([{ segresnet: { learningRate: hp.loguniform(Math.log(1e-4), Math.log(1e-2)) } }]) }
 *
 * has the parameters `algorithm` and, where that is "segresnet", `segresnet.learningRate`.
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

/** A group of a space: parameter name to expression, to a further group, or to a constant. */
export interface SearchSpace {
  readonly [name: string]: unknown;
}

/** The condition under which a parameter exists: all of these parameters have these values. */
export type Condition = readonly { readonly path: string; readonly value: number | string | boolean }[];

/** What a parameter draws. `low` and `high` are values, not logarithms; `step` counts from `low`, null: continuous. */
export type Domain =
  | { readonly kind: 'choice'; readonly options: readonly (number | string | boolean)[] }
  | {
      readonly kind: 'range';
      readonly low: number;
      readonly high: number;
      readonly log: boolean;
      readonly step: number | null;
    }
  | {
      readonly kind: 'normal';
      readonly mean: number;
      readonly standardDeviation: number;
      readonly log: boolean;
      readonly step: number | null;
    };

/** One parameter of a compiled space, named by its path. */
export interface Parameter {
  readonly path: string;
  readonly domain: Domain;
  readonly when: Condition;
}

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

function refuse(path: string, problem: string): never {
  throw new VoxhelmError('invalid-request', `search space: parameter "${path}" ${problem}`, {
    fix: 'Correct the space: bounds finite and low < high, steps above 0, at least one option, each option once.',
    details: { path },
  });
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isConstant(value: unknown): value is number | string | boolean {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}

/** An expression has exactly the fields of its constructor: data with a key "name" is no expression by that alone. */
function isExpression(value: Record<string, unknown>): boolean {
  const { name } = value as { name?: unknown };
  if (typeof name !== 'string' || !Object.hasOwn(FIELDS, name)) return false;
  const expected = ['name', ...(FIELDS[name] ?? [])];
  return Object.keys(value).length === expected.length && expected.every((key) => Object.hasOwn(value, key));
}

function numberField(path: string, expression: Record<string, unknown>, field: string): number {
  const value = expression[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) refuse(path, `needs a finite number as ${field}`);
  return value;
}

function domainOf(path: string, expression: Record<string, unknown>): Domain {
  const { name } = expression as { name: string };
  const number = (field: string) => numberField(path, expression, field);
  const step = Object.hasOwn(expression, 'q') ? number('q') : null;
  if (step !== null && step <= 0) refuse(path, `has the step ${step}; it must be above 0`);
  if (name === 'randint') {
    const upper = number('upper');
    if (!Number.isInteger(upper) || upper < 1)
      refuse(path, `has the upper bound ${upper}; it must be a whole number >= 1`);
    return { kind: 'range', low: 0, high: upper - 1, log: false, step: 1 };
  }
  if (name.endsWith('normal')) {
    const sigma = number('sigma');
    if (sigma <= 0) refuse(path, `has the standard deviation ${sigma}; it must be above 0`);
    return { kind: 'normal', mean: number('mu'), standardDeviation: sigma, log: name.endsWith('lognormal'), step };
  }
  const log = name.endsWith('loguniform');
  const low = number('low');
  const high = number('high');
  if (low >= high) refuse(path, `has low ${low} not below high ${high}`);
  if (!log) return { kind: 'range', low, high, log, step };
  const range = { low: Math.exp(low), high: Math.exp(high) };
  if (!Number.isFinite(range.high) || range.low === 0) {
    refuse(path, `has log bounds ${low}..${high}: natural logarithms are expected, for example Math.log(1e-4)`);
  }
  return { kind: 'range', ...range, log, step };
}

/**
 * The parameters of a space, in the order in which they are drawn (a parent before what depends on it). Throws
 * `invalid-request` naming the parameter whose bounds, step or options are wrong, or whose name occurs twice.
 */
export function compileSpace(space: SearchSpace): Parameter[] {
  const parameters: Parameter[] = [];
  const paths = new Set<string>();

  function add(parameter: Parameter): void {
    if (paths.has(parameter.path)) refuse(parameter.path, 'occurs twice');
    paths.add(parameter.path);
    parameters.push(parameter);
  }

  function visitChoice(prefix: string, path: string, options: unknown, when: Condition): void {
    if (!Array.isArray(options) || options.length === 0) refuse(path, 'is a choice without options');
    const branches: [number | string | boolean, Record<string, unknown> | null][] = options.map((option: unknown) => {
      if (isConstant(option)) return [option, null];
      const keys = isGroup(option) ? Object.keys(option) : [];
      const key = keys[0];
      const content = key === undefined ? undefined : (option as Record<string, unknown>)[key];
      if (keys.length !== 1 || key === undefined || !isGroup(content) || isExpression(content)) {
        refuse(path, 'has an option that is neither a plain value nor one named group ({"name": {...}})');
      }
      return [key, content];
    });
    const values = branches.map(([value]) => value);
    if (new Set(values.map(String)).size !== values.length) refuse(path, 'has the same option twice');
    add({ path, domain: { kind: 'choice', options: values }, when });
    for (const [value, content] of branches) {
      if (content !== null) visitGroup(`${prefix}${String(value)}.`, content, [...when, { path, value }]);
    }
  }

  function visitGroup(prefix: string, group: Record<string, unknown>, when: Condition): void {
    for (const [key, value] of Object.entries(group)) {
      const path = `${prefix}${key}`;
      if (key === '' || key.includes('.') || RESERVED.has(key))
        refuse(path, 'has a name that is empty, reserved or holds a dot');
      if (isConstant(value)) add({ path, domain: { kind: 'choice', options: [value] }, when });
      else if (!isGroup(value)) refuse(path, 'is neither an expression, a group nor a plain value');
      else if (!isExpression(value)) visitGroup(`${path}.`, value, when);
      else if (value['name'] === 'choice') visitChoice(prefix, path, value['options'], when);
      else add({ path, domain: domainOf(path, value), when });
    }
  }

  visitGroup('', { ...space }, []);
  return parameters;
}

/** True where the parameter exists at this point: every choice that it depends on was made so. */
export function isActive(parameter: Parameter, point: Readonly<Point>): boolean {
  return parameter.when.every(({ path, value }) => point[path] === value);
}

/** True where `value` is one that `domain` can draw (a step's grid to 1e-9 relative). */
export function inDomain(domain: Domain, value: unknown): boolean {
  if (domain.kind === 'choice') return domain.options.some((option) => option === value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (domain.kind === 'normal') return !domain.log || value >= 0;
  if (value < domain.low || value > domain.high) return false;
  if (domain.step === null) return true;
  const steps = (value - domain.low) / domain.step;
  return Math.abs(steps - Math.round(steps)) <= 1e-9 * Math.max(1, Math.abs(steps));
}

/** Checks that a point gives each active parameter a possible value and nothing else; throws `invalid-request`. */
export function checkPoint(parameters: readonly Parameter[], point: Readonly<Point>): void {
  const active = parameters.filter((parameter) => isActive(parameter, point));
  const known = new Set(active.map(({ path }) => path));
  const unknown = Object.keys(point).find((path) => !known.has(path));
  if (unknown !== undefined) refuse(unknown, 'is given in a point but does not exist there');
  for (const { path, domain } of active) {
    if (!Object.hasOwn(point, path)) refuse(path, 'is missing from a point');
    if (!inDomain(domain, point[path])) refuse(path, `cannot be ${JSON.stringify(point[path])}`);
  }
}
