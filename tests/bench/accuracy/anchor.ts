import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { labelsOf } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { runJsonProcess } from '../lib/process.ts';
import type { Cases } from './dataset.ts';

const SCRIPT = fileURLToPath(new URL('../anchor/accuracy.py', import.meta.url));

/** Where a Python with MONAI may be without being named: as `--anchor` names it in docs/performance.md, and the machine's own. */
const PLACES = ['/opt/anchor/bin/python', 'python3'];
/** Looks for the modules without loading them: torch alone takes seconds. */
const HAS_MONAI =
  'import sys; from importlib.util import find_spec; sys.exit(any(find_spec(name) is None for name in ("monai", "torch", "nibabel")))';

function hasMonai(python: string): boolean {
  return spawnSync(python, ['-c', HAS_MONAI], { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/**
 * The Python that trains the anchor: the given one, or the first at hand that has MONAI; null where there is none. Throws
 * `not-installed` where the given one has no MONAI, torch or nibabel, or does not start.
 */
export function anchorPython(given: string | undefined, places: readonly string[] = PLACES): string | null {
  if (given === undefined) return places.find(hasMonai) ?? null;
  if (hasMonai(given)) return given;
  throw new VoxhelmError('not-installed', `${given} is no Python with monai, torch and nibabel`, { fix: INSTALL });
}

/** How a Python comes to train the anchor. */
export const INSTALL =
  'Give one after --anchor: pip install torch==2.15.0 monai==1.6.1 nibabel scipy in an environment of its own.';

/**
 * What MONAI's network reaches in the same time on the same cases: the result line of anchor/accuracy.py. Throws
 * `invalid-request` where the labels are not 1, 2, ... without a gap.
 */
export async function trainAnchor(python: string, cases: Cases, minutes: number): Promise<Record<string, unknown>> {
  const labels = labelValues(cases.description['labels']);
  const setting = { training: cases.training, test: cases.test, labels, minutes };
  return (await runJsonProcess(python, [SCRIPT, JSON.stringify(setting)])).result;
}

/** The values of a dataset.json's labels but 0. */
function labelValues(labels: unknown): number[] {
  const values = labelsOf((labels ?? {}) as Record<string, string | number>)
    .map(({ value }) => value)
    .filter((value) => value !== 0);
  if (values.length > 0 && values.every((value, index) => value === index + 1)) return values;
  throw new VoxhelmError(
    'invalid-request',
    `the anchor takes labels 1, 2, ... without a gap, not ${values.join(', ')}`,
    {
      fix: 'Name what runs without it: --algorithms segresnet,swinunetr,dints,unet,service.',
    },
  );
}
