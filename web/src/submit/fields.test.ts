import { expect, test } from 'vitest';
import { faultsOf, placeFaults, requestOf, valuesOf } from './fields.ts';

test('what is empty is left out, what is typed stands at its place', () => {
  const request = requestOf(
    { dataset: 'd' },
    { name: ' liver ', budget: '', 'plan.patchSize': '96 x 96, 64', 'search.trials': '8', skipInvalid: 'true' },
    [],
  );
  expect(request).toEqual({
    dataset: 'd',
    name: 'liver',
    plan: { patchSize: [96, 96, 64] },
    search: { trials: 8 },
    skipInvalid: true,
  });
  expect(faultsOf(request).size).toBe(0);
});

test('emptying a field of a cloned request takes it out, and its empty parent too', () => {
  const base = { dataset: 'd', search: { trials: 3 }, plan: { network: { init_filters: 8 } } };
  expect(requestOf(base, { ...valuesOf(base), 'search.trials': '', 'plan.network.init_filters': '' }, [])).toEqual({
    dataset: 'd',
  });
  expect(requestOf(base, valuesOf(base), ['segresnet'])).toEqual({ ...base, algorithms: ['segresnet'] });
});

test('a wrong value is named at its field', () => {
  const faults = faultsOf(requestOf({ dataset: 'd' }, { budget: 'soon', folds: 'many', 'plan.steps': '-1' }, []));
  expect([...faults.keys()].sort((a, b) => a.localeCompare(b))).toEqual(['budget', 'folds', 'plan.steps']);
});

test('a fault inside a value stands at its field; one that no field can show is told in words', () => {
  const request = requestOf({ dataset: 'd', plan: { ema: 2 } }, { 'plan.patchSize': '96, x, 64' }, []);
  const wrong = { ...request, labels: { one: 'liver' } };
  const { byField, others } = placeFaults(faultsOf(wrong));
  expect([...byField.keys()].sort((a, b) => a.localeCompare(b))).toEqual(['plan.ema', 'plan.patchSize']);
  expect(others).toHaveLength(1);
  expect(others[0]).toMatch(/^labels/);
});

test('a modality for each channel of a cloned request stays one for each', () => {
  const base = { dataset: 'd', modality: ['MRI' as const, 'PET' as const] };
  expect(requestOf(base, valuesOf(base), [])).toEqual(base);
  expect(requestOf({ dataset: 'd' }, { modality: 'CT' }, [])).toEqual({ dataset: 'd', modality: 'CT' });
});
