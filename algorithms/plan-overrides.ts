import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Plan } from '@voxhelm/contracts/plan';
import { z } from 'zod';

/** How a reason begins whose value the user gave: such a value is neither searched nor changed. */
export const GIVEN = 'given by the user';

/** True where the value at this path ("training.learningRate") was given by the user. */
export function isGiven(plan: Plan, path: string): boolean {
  return plan.reasons[path]?.startsWith(GIVEN) ?? false;
}

/** A value with the reason for it. */
export interface Reasoned<T> {
  readonly value: T;
  readonly reason: string;
}

/** The user's value where there is one, otherwise what the rule says. */
export function given<T>(override: T | undefined, rule: () => Reasoned<T>): Reasoned<T> {
  return override === undefined ? rule() : { value: override, reason: GIVEN };
}

/**
 * A whole plan that the user edited, used as it is with the fold replaced. Throws `invalid-request` with every field
 * that does not fit the schema, or where it is another algorithm's plan.
 */
export function readEditedPlan(algorithm: string, edited: unknown, fold: number): Plan {
  const parsed = Plan.safeParse(edited);
  if (!parsed.success) {
    throw new VoxhelmError('invalid-request', `plan.plans.${algorithm} is no plan:\n${z.prettifyError(parsed.error)}`, {
      fix: 'Start from the plan of a finished run and change single values.',
      details: {
        field: `plan.plans.${algorithm}`,
        issues: parsed.error.issues.map(({ path, message }) => ({ path, message })),
      },
    });
  }
  if (parsed.data.algorithm !== algorithm) {
    throw new VoxhelmError('invalid-request', `plan.plans.${algorithm} is a plan of "${parsed.data.algorithm}"`, {
      fix: `Put it under plan.plans.${parsed.data.algorithm}.`,
      details: { field: `plan.plans.${algorithm}.algorithm` },
    });
  }
  return { ...parsed.data, fold };
}

/** Objects that are one value, with one reason. */
const WHOLE: ReadonlySet<string> = new Set(['training.loss', 'training.startFrom', 'training.stopEarly']);

/** Paths of a plan's values: objects are descended into, arrays and what stands in `whole` are one value. */
export function valuePaths(value: unknown, path = '', whole: ReadonlySet<string> = WHOLE): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || whole.has(path)) return [path];
  return Object.entries(value)
    .filter(([key]) => path !== '' || (key !== 'reasons' && key !== 'schemaVersion'))
    .flatMap(([key, inner]) => valuePaths(inner, path === '' ? key : `${path}.${key}`, whole));
}
