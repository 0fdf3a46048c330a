import {
  type Constant,
  checkName,
  type Expression,
  isConstant,
  isExpression,
  isGroup,
  readOptions,
  refuse,
} from './language.ts';

/*
 * Search spaces: trees of plain JSON in the language of language.ts, in which objects group and expressions draw.
 * Parameters are named by their path. In a `choice`, an option is a plain value, or a group of parameters that exist only
 * where it is chosen:
 *
 *     { algorithm: hp.choice([{ segresnet: { learningRate: hp.loguniform(Math.log(1e-4), Math.log(1e-2)) } }]) }
 *
 * has the parameters `algorithm` and, where that is "segresnet", `segresnet.learningRate`; hyperopt's usual
 * `{ algo: hp.choice([{ name: 'a', depth: hp.randint(4) }]) }` has `algo` ("a") and `algo.a.depth`.
 */

export { hp } from './language.ts';
export { checkPoint, inDomain, isActive } from './points.ts';

/** A group of a space: parameter name to expression, to a further group, or to a constant. */
export interface SearchSpace {
  readonly [name: string]: unknown;
}

/** The condition under which a parameter exists: all of these parameters have these values. */
export type Condition = readonly { readonly path: string; readonly value: Constant }[];

/** What a parameter draws. `low` and `high` are values, not logarithms; `step` counts from `low`, null: continuous. */
export type Domain =
  | { readonly kind: 'choice'; readonly options: readonly Constant[] }
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

function numberField(path: string, expression: Expression, field: string): number {
  const value = expression[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) refuse(path, `needs a finite number as ${field}`);
  return value;
}

function domainOf(path: string, expression: Expression): Domain {
  const { name } = expression;
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

  function visitChoice(parent: string, path: string, expression: Expression, when: Condition): void {
    const options = readOptions(parent, path, expression);
    add({ path, domain: { kind: 'choice', options: options.map(({ label }) => label) }, when });
    for (const { label, content, prefix, labelKey } of options) {
      const within = [...when, { path, value: label }];
      if (content === null) continue;
      if (isExpression(content)) visitExpression(`${prefix}.`, prefix, content, within);
      else visitGroup(`${prefix}.`, content, within, labelKey);
    }
  }

  function visitExpression(parent: string, path: string, expression: Expression, when: Condition): void {
    if (expression.name === 'choice') visitChoice(parent, path, expression, when);
    else add({ path, domain: domainOf(path, expression), when });
  }

  function visitGroup(prefix: string, group: Record<string, unknown>, when: Condition, skip: string | null): void {
    for (const [key, value] of Object.entries(group)) {
      if (key === skip) continue;
      const path = `${prefix}${key}`;
      checkName(path, key);
      if (isConstant(value)) add({ path, domain: { kind: 'choice', options: [value] }, when });
      else if (!isGroup(value)) refuse(path, 'is neither an expression, a group nor a plain value');
      else if (isExpression(value)) visitExpression(prefix, path, value, when);
      else visitGroup(`${path}.`, value, when, null);
    }
  }

  visitGroup('', { ...space }, [], null);
  return parameters;
}
