import type { ScheduleTrigger } from './schedule.ts';

/** What makes a schedule retrain, in words, as the command line and the browser say it. */
export function triggerText(trigger: ScheduleTrigger): string {
  switch (trigger.kind) {
    case 'cron':
      return `at ${trigger.expression} (${trigger.timeZone})`;
    case 'interval':
      return `every ${trigger.every}`;
    case 'cases':
      return `at ${trigger.count} new or corrected cases (looks every ${trigger.every})`;
    case 'drift':
      return `at a drift above ${trigger.limit} (looks every ${trigger.every})`;
  }
}
