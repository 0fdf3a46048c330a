import { expect, test } from 'vitest';
import { CRON_EXAMPLES } from '../testing/cron-examples.ts';
import { cronFault } from './cron.ts';

/* tests/schedules/scheduling.test.ts asks a real Temporal about the same expressions. */

test.each(CRON_EXAMPLES.taken)('"%s" is a cron expression', (expression) => {
  expect(cronFault(expression)).toBeNull();
});

test.each(CRON_EXAMPLES.refused)('"%s" is none, and it says what is wrong', (expression) => {
  expect(cronFault(expression)).toMatch(/^(has|names|is) ./);
});

test('the field and its range are named', () => {
  expect(cronFault('0 24 * * *')).toBe('has "24" for the hour, which goes from 0 to 23');
  expect(cronFault('0 0 * * 5-2')).toBe('has "5-2" for the weekday, which ends before it begins');
  expect(cronFault('*/0 * * * *')).toBe('has "*/0" for the minute: a step is a number from 1 on');
});
