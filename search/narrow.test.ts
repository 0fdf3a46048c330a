import { expect, test } from 'vitest';
import { narrowSpace } from './narrow.ts';
import { checkPoint, compileSpace, hp } from './space.ts';

const own = {
  space: {
    learningRate: hp.loguniform(Math.log(1e-4), Math.log(1e-2)),
    filters: hp.choice([8, 16]),
    dropout: hp.uniform(0, 0.5),
  },
  defaults: { learningRate: 1e-3, filters: 16, dropout: 0.1 },
};

test('a parameter is narrowed, replaced or fixed as people write it, and the defaults move along', () => {
  const { space, defaults } = narrowSpace('segresnet', own, {
    learningRate: { low: 2e-3, high: 5e-3, log: true },
    filters: [24, 32],
    dropout: 0.25,
  });
  expect(defaults['learningRate']).toBeCloseTo(2e-3, 12);
  expect(defaults).toMatchObject({ filters: 24, dropout: 0.25 });
  expect(() => checkPoint(compileSpace(space), defaults)).not.toThrow();
  expect(compileSpace(space)[0]?.domain).toMatchObject({ kind: 'range', log: true });
  expect(narrowSpace('segresnet', own, {})).toEqual(own);
  const grid = narrowSpace('segresnet', own, { dropout: { low: 0, high: 0.4, step: 0.2 } });
  expect(compileSpace(grid.space)[2]?.domain).toMatchObject({ step: 0.2 });
  expect(grid.defaults['dropout']).toBe(0.2);
});

test('an unknown name suggests the nearest; nonsense is refused by name', () => {
  const fixOf = (given: Record<string, unknown>) => {
    try {
      narrowSpace('segresnet', own, given);
      return null;
    } catch (error) {
      return error as { message: string; fix?: string };
    }
  };
  expect(fixOf({ learningrate: 1 })?.fix).toBe('Did you mean "learningRate"?');
  expect(fixOf({ xyz: 1 })?.fix).toContain('learningRate, filters, dropout');
  expect(fixOf({ dropout: { low: 0.3, high: 0.1 } })?.message).toMatch(/dropout.*not below/);
  expect(fixOf({ learningRate: { low: 0, high: 1, log: true } })?.message).toContain('segresnet.learningRate');
  expect(fixOf({ dropout: { low: 0, hihg: 1 } })?.message).toContain('"hihg"');
  expect(fixOf({ dropout: null })?.message).toContain('segresnet.dropout');
});
