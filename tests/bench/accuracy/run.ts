import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail, RunView } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { FINAL_RUN_STATES, type RunRequestInput } from '@voxhelm/contracts/run';
import type { TestService } from '../../support/service.ts';

/** The best validation Dice so far, by minutes since the submission. */
export type Curve = readonly { readonly minutes: number; readonly dice: number }[];

/** A run that ended, and how it went. */
export interface FinishedRun {
  readonly detail: RunDetail;
  readonly curve: Curve;
  /** Minutes that each stage took. */
  readonly stageMinutes: Readonly<Record<string, number>>;
  readonly minutes: number;
}

/** A look is a request to the API, no command of its own: a process started every few seconds takes the trainer's time. */
const POLL_MS = 2_000;

/** Submits a request to a real service over HTTP and follows it to its end. Throws where the run does not complete. */
export async function runToItsEnd(service: TestService, request: RunRequestInput): Promise<FinishedRun> {
  const startedAt = performance.now();
  const minutes = (): number => (performance.now() - startedAt) / 60_000;
  const response = await fetch(`${service.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const submitted = (await response.json()) as RunView & { detail?: string };
  if (!response.ok) throw new VoxhelmError('invalid-request', `the run was refused: ${submitted.detail}`);
  const curve: { minutes: number; dice: number }[] = [];
  const stageMinutes: Record<string, number> = {};
  let seenAt = 0;
  for (;;) {
    await sleep(POLL_MS);
    const answer = await fetch(`${service.url}/v1/runs/${submitted.id}`);
    if (!answer.ok) continue; // The service may be busy; the run goes on.
    const detail = (await answer.json()) as RunDetail;
    stageMinutes[detail.stage] = (stageMinutes[detail.stage] ?? 0) + minutes() - seenAt;
    seenAt = minutes();
    if (detail.bestDice !== null && detail.bestDice !== curve.at(-1)?.dice)
      curve.push({ minutes: minutes(), dice: detail.bestDice });
    if (!FINAL_RUN_STATES.includes(detail.state)) continue;
    if (detail.state !== 'completed') throw new VoxhelmError('internal', `the run ${detail.state}: ${detail.message}`);
    return { detail, curve, stageMinutes, minutes: minutes() };
  }
}
