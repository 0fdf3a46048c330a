import { VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import type { ParameterValue, Point } from '@voxhelm/contracts/trial';
import { createCodec } from './codec.ts';
import { hp, isConstant, isExpression, isGroup } from './language.ts';
import { compileSpace, inDomain, type SearchSpace } from './space.ts';

/*
 * A user's own spaces: parameters of an algorithm's space narrowed, replaced, or fixed.
 */

/** An algorithm's space and the values of its defaults. */
export interface NamedSpace {
  readonly space: SearchSpace;
  readonly defaults: Readonly<Point>;
}

/**
 * What a user may write for a parameter: a fixed value; a list of values to choose from; `{low, high}` (with `log: true`, or
 * a `step`), in values and not in logarithms; or an expression of the language as JSON.
 */
function expressionOf(given: unknown, at: string): unknown {
  if (isConstant(given) || isExpression(given)) return given;
  if (Array.isArray(given)) return hp.choice(given);
  if (!isGroup(given)) return refuse(at, 'is neither a value, a list, a range nor an expression');
  const { low, high, log = false, step, ...others } = given;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) return refuse(at, `has the field "${unknown}"; a range has low, high, log and step`);
  if (typeof low !== 'number' || typeof high !== 'number') return refuse(at, 'needs numbers as low and high');
  if (step !== undefined && typeof step !== 'number') return refuse(at, 'needs a number as step');
  if (log === true && low <= 0) return refuse(at, `has low ${low}; a logarithmic range begins above 0`);
  if (log === true) {
    const [from, to] = [Math.log(low), Math.log(high)];
    return step === undefined ? hp.loguniform(from, to) : hp.qloguniform(from, to, step);
  }
  return step === undefined ? hp.uniform(low, high) : hp.quniform(low, high, step);
}

function refuse(at: string, problem: string, fix?: string): never {
  throw new VoxhelmError('invalid-request', `search.spaces: ${at} ${problem}`, {
    ...(fix === undefined ? {} : { fix }),
    details: { field: 'search.spaces', at },
  });
}

/** Checks what a user wrote for one parameter, before there is a plan; throws `invalid-request`. */
export function checkExpression(algorithm: string, name: string, given: unknown): void {
  compileSpace({ [name]: expressionOf(given, `${algorithm}.${name}`) });
}

/**
 * The algorithm's space with the parameters that a user gives in place of its own, and its defaults moved into it (to the
 * nearest possible value). Throws `invalid-request` for a parameter that the algorithm does not have, suggesting the
 * nearest, and for bounds that make no sense.
 */
export function narrowSpace(
  algorithm: string,
  { space, defaults }: NamedSpace,
  given: Readonly<Record<string, unknown>>,
): NamedSpace {
  const known = Object.keys(space);
  const changed: Record<string, unknown> = { ...space };
  for (const [name, value] of Object.entries(given)) {
    const at = `${algorithm}.${name}`;
    if (!known.includes(name)) {
      const near = nearest(name, known);
      const fix = near === undefined ? `It has ${known.join(', ')}.` : `Did you mean "${near}"?`;
      refuse(at, 'is no parameter of its search here', fix);
    }
    changed[name] = expressionOf(value, at);
  }
  return { space: changed, defaults: movedInto(changed, defaults) };
}

function movedInto(space: SearchSpace, defaults: Readonly<Point>): Point {
  const moved: Point = {};
  for (const { parameter, ...dimension } of createCodec(compileSpace(space)).dimensions) {
    const own = defaults[parameter.path];
    if (parameter.when.some(({ path, value }) => moved[path] !== value)) continue;
    if (own !== undefined && inDomain(parameter.domain, own)) moved[parameter.path] = own;
    else moved[parameter.path] = nearestValue(dimension, own);
  }
  return moved;
}

function nearestValue(
  { low, high, toValue, toCoordinate, kind }: Omit<ReturnType<typeof createCodec>['dimensions'][number], 'parameter'>,
  own: ParameterValue | undefined,
): ParameterValue {
  const wanted = typeof own === 'number' && kind !== 'choice' && kind !== 'ordered' ? toCoordinate(own) : low;
  return toValue(Number.isFinite(wanted) ? Math.min(high, Math.max(low, wanted)) : low);
}
