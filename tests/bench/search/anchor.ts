import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Point } from '@voxhelm/contracts/trial';
import { isExpression } from '@voxhelm/search/language';
import { shapedLike } from '@voxhelm/search/points';
import { compileSpace, type SearchSpace } from '@voxhelm/search/space';
import type { SearchBenchOptions } from './options.ts';
import { attempt, type Objective, ROOT, type StudyRun } from './study-run.ts';

/* Optuna's samplers on the same space and objective, in a Python that has it (`--anchor PYTHON`). */

const PROGRAM = fileURLToPath(new URL('../anchor/optuna_search.py', import.meta.url));

/** Optuna's samplers that are compared: TPESampler() and GPSampler(deterministic_objective=True). */
export type AnchorSampler = 'tpe' | 'gp';

/** One study by Optuna, told in the order of the trials' numbers as ours are. */
export async function runAnchor(
  python: string,
  sampler: AnchorSampler,
  given: unknown,
  objective: Objective,
  seed: number,
  { trials, parallel }: Pick<SearchBenchOptions, 'trials' | 'parallel'>,
): Promise<StudyRun> {
  const bare = isExpression(given);
  const space = (bare ? { [ROOT]: given } : given) as SearchSpace;
  const child = spawn(python, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  ended.catch(() => undefined);
  const send = (line: object) => child.stdin.write(`${JSON.stringify(line)}\n`);
  send({ parameters: compileSpace(space), sampler, seed, trials, parallel });
  const values: (number | null)[] = [];
  const points: unknown[] = [];
  let askMs: readonly number[] = [];
  let asked = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { ask?: number; point?: Point; askMs?: number[] };
    if (said.askMs !== undefined) askMs = said.askMs;
    if (said.point === undefined) continue;
    const shaped = shapedLike(space, said.point);
    points.push(bare ? shaped[ROOT] : shaped);
    asked += 1;
    if (asked % parallel !== 0 && asked !== trials) continue;
    const from = values.length;
    const outcomes = await Promise.all(points.slice(from).map((point, i) => attempt(objective, point, from + i)));
    for (const { state, value } of outcomes) {
      values.push(value);
      send({ value, failed: state === 'failed' });
    }
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${python} ${PROGRAM} ended with exit code ${code}`);
  return { values, points, askMs, askCpuMs: [] };
}
