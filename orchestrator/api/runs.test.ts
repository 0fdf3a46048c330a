import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

test('50 identical submissions at once make one run, which is started once', async () => {
  const payload = { dataset: service.home, name: 'same' };
  const headers = { 'idempotency-key': 'k-50' };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => service.app.inject({ method: 'POST', url: '/v1/runs', headers, payload })),
  );
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(50).fill(202));
  const ids = new Set(answers.map((answer) => answer.json().id));
  expect(ids.size).toBe(1);
});
