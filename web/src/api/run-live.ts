import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import type { MetricCurve, RunDetail, RunEvent, RunProgress } from '@voxhelm/contracts/api';
import type { JobActivity, MetricsMessage } from '@voxhelm/contracts/api-live';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { useEffect, useState } from 'react';
import { get } from './client.ts';
import { MetricStore } from './metric-store.ts';
import { SERIES_NAMES } from './series.ts';
import { follow } from './stream.ts';

/** Series that are followed live: those of every trial, and the Dice of each class, whose labels come with the first plan. */
function followedSeries(run: RunDetail | undefined): string {
  const classes = (run?.plans[0]?.plan.labels ?? []).filter(({ value }) => value !== 0);
  return [...SERIES_NAMES, ...classes.map(({ value }) => `dice.${value}`)].join();
}

/** The query that reads a run whole. */
export function runQuery(id: string) {
  return {
    queryKey: ['run', id],
    queryFn: ({ signal }: { signal: AbortSignal }) => get<RunDetail>(`/v1/runs/${id}`, signal),
  };
}

/** A run, kept up to date by its event stream while it goes on, with its curves and events. */
export function useRun(id: string) {
  const client = useQueryClient();
  const run = useQuery(runQuery(id));
  const [metrics, setMetrics] = useState(() => new MetricStore());
  const over = run.data !== undefined && FINAL_RUN_STATES.includes(run.data.state);
  const found = run.data !== undefined;
  const series = followedSeries(run.data);

  useEffect(() => {
    if (!found) return;
    const store = new MetricStore();
    setMetrics(store);
    const ending = new AbortController();
    const readMetrics = (): void => {
      void get<MetricCurve[]>(`/v1/runs/${id}/metrics`, ending.signal).then(
        (curves) => store.add(curves),
        () => undefined,
      );
    };
    if (over) {
      readMetrics();
      return () => ending.abort();
    }
    const batch = new UpdateBatch(client, id, store);
    void follow(
      `/v1/runs/${id}/events?metrics=${series}`,
      {
        onOpen: () => {
          readMetrics();
          batch.reload();
        },
        onMessage: (type, data) => batch.take(type, data),
      },
      ending.signal,
    );
    return () => {
      ending.abort();
      batch.stop();
    };
  }, [client, id, over, found, series]);

  return { run, metrics };
}

/** What a run's jobs wait for, asked every two seconds while it goes on. */
export function useActivity(id: string, active: boolean) {
  return useQuery({
    queryKey: ['run', id, 'activity'],
    queryFn: ({ signal }) => get<JobActivity[]>(`/v1/runs/${id}/activity`, signal),
    enabled: active,
    refetchInterval: active ? 2_000 : false,
  });
}

/** A run's recorded events, oldest first. */
export function useRunEvents(id: string) {
  return useQuery({
    queryKey: ['run', id, 'events'],
    queryFn: async ({ signal }) => {
      const events: RunEvent[] = [];
      for (;;) {
        const page: RunEvent[] = await get(`/v1/runs/${id}/events?after=${events.at(-1)?.id ?? 0}`, signal);
        events.push(...page);
        if (page.length < 1_000) return events;
      }
    },
  });
}

/** Gathers messages and brings them into the cache at most four times a second, however many come. */
class UpdateBatch {
  private readonly client: QueryClient;
  private readonly id: string;
  private readonly store: MetricStore;
  private progress: RunProgress | null = null;
  private events: RunEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: QueryClient, id: string, store: MetricStore) {
    this.client = client;
    this.id = id;
    this.store = store;
  }

  take(type: string, data: unknown): void {
    if (type === 'metrics') this.store.add((data as MetricsMessage).curves);
    else if (type === 'progress') this.progress = data as RunProgress;
    else this.events.push(data as RunEvent);
    this.timer ??= setTimeout(() => this.flush(), 250);
  }

  reload(): void {
    void this.client.invalidateQueries({ queryKey: ['run', this.id], exact: true });
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private flush(): void {
    this.timer = null;
    const { progress, events } = this;
    this.progress = null;
    this.events = [];
    if (progress !== null) {
      this.client.setQueryData<RunDetail>(['run', this.id], (run) => run && mergeProgress(run, progress));
    }
    if (events.length > 0) {
      this.client.setQueryData<RunEvent[]>(['run', this.id, 'events'], (known) => known && mergeEvents(known, events));
      // A trial that began or ended brings more than the event tells.
      this.reload();
    }
  }
}

function mergeProgress(run: RunDetail, { run: view, trials }: RunProgress): RunDetail {
  const moved = new Map(trials.map((trial) => [trial.id, trial]));
  return {
    ...run,
    ...view,
    trials: run.trials.map((trial) => {
      const now = moved.get(trial.id);
      return now === undefined || trial.finishedAt !== null ? trial : { ...trial, ...now };
    }),
  };
}

function mergeEvents(known: RunEvent[], events: readonly RunEvent[]): RunEvent[] {
  const last = known.at(-1)?.id ?? 0;
  return [...known, ...events.filter(({ id }) => id > last)];
}
