import type { Point } from '@voxhelm/contracts/trial';
import { isExpression, isGroup, readOptions, refuse } from './language.ts';
import type { Domain, Parameter, SearchSpace } from './space.ts';

/*
 * Points of a space: parameter path to value, for the parameters that exist there.
 */

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

/** The point in the shape of the space, as hyperopt hands it to an objective: every expression replaced by its value. */
export function shapedLike(space: SearchSpace, point: Readonly<Point>): Record<string, unknown> {
  return shapedGroup('', { ...space }, point);
}

function shapedGroup(prefix: string, group: Record<string, unknown>, point: Readonly<Point>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(group).map(([key, value]) => [key, shapedValue(prefix, `${prefix}${key}`, value, point)]),
  );
}

function shapedValue(parent: string, path: string, value: unknown, point: Readonly<Point>): unknown {
  if (!isGroup(value)) return value;
  if (!isExpression(value)) return shapedGroup(`${path}.`, value, point);
  if (value.name !== 'choice') return point[path];
  const options = readOptions(parent, path, value);
  const index = options.findIndex(({ label }) => label === point[path]);
  const chosen = options[index];
  if (chosen === undefined) refuse(path, `cannot be ${JSON.stringify(point[path])}`);
  const given = (value['options'] as readonly unknown[])[index];
  const { content, prefix } = chosen;
  if (content === null) return given;
  if (isExpression(content)) return shapedValue(`${prefix}.`, prefix, content, point);
  const shaped = shapedGroup(`${prefix}.`, content, point);
  return content === given ? shaped : { [String(chosen.label)]: shaped };
}
