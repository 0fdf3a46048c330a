import { setTimeout as sleep } from 'node:timers/promises';
import { RunEvent, RunProgress } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { ApiClient } from './api-client.ts';

/** What a follower is told. */
export interface FollowHandlers {
  onEvent(event: RunEvent): void;
  onProgress(progress: RunProgress): void;
  /** The connection was lost and is tried again. */
  onReconnecting?(reason: string): void;
}

/**
 * Follows a run's event stream to its end, over lost connections and restarts of the service: each event comes once,
 * resumed by Last-Event-ID. Throws `not-found` for an unknown run, `unavailable` when the service stays away for 2 minutes.
 */
export async function followEvents(
  client: ApiClient,
  runId: string,
  handlers: FollowHandlers,
  signal?: AbortSignal,
): Promise<RunProgress> {
  let lastEventId: string | null = null;
  let last: RunProgress | null = null;
  let awaySince: number | null = null;
  for (;;) {
    try {
      await readStream((message) => {
        awaySince = null;
        if (message.id !== undefined) lastEventId = message.id;
        if (message.event === 'progress') {
          last = RunProgress.parse(JSON.parse(message.data));
          handlers.onProgress(last);
        } else handlers.onEvent(RunEvent.parse(JSON.parse(message.data)));
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      const retryable = !(error instanceof VoxhelmError) || error.code === 'unavailable';
      if (!retryable) throw error;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > 120_000) throw error;
      handlers.onReconnecting?.(error instanceof Error ? error.message : String(error));
    }
    if (last !== null && FINAL_RUN_STATES.includes((last as RunProgress).run.state)) return last;
    await sleep(1_000, undefined, signal === undefined ? {} : { signal });
  }

  async function readStream(onMessage: (message: EventSourceMessage) => void): Promise<void> {
    const headers: Record<string, string> = {
      accept: 'text/event-stream',
      ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
    };
    const response = await client.raw(`/runs/${encodeURIComponent(runId)}/events`, {
      headers,
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.body === null) throw new VoxhelmError('unavailable', 'the event stream is empty');
    const parser = createParser({ onEvent: onMessage });
    const decoder = new TextDecoder();
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  }
}
