import { readSettings } from '@voxhelm/contracts/settings';
import { examine } from '@voxhelm/infra/doctor';
import type { JsonOption } from '../main.ts';

/** What is installed, which device, what is missing and how to get it; returns 1 where something is missing. */
export async function doctor(options: JsonOption): Promise<number> {
  const checks = await examine(readSettings());
  if (options.json === true) process.stdout.write(`${JSON.stringify({ checks })}\n`);
  else
    for (const check of checks)
      process.stdout.write(
        `${check.ok ? '✓' : '✗'} ${check.name}: ${check.found}\n${check.fix === undefined ? '' : `    ${check.fix}\n`}`,
      );
  return checks.every((check) => check.ok) ? 0 : 1;
}
