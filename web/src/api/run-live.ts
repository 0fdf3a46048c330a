import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import type { MetricCurve, RunDetail, RunEvent, RunProgress } from '@voxhelm/contracts/api';
import type { JobActivity, MetricsMessage } from '@voxhelm/contracts/api-live';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { useEffect, useMemo, useRef } from 'react';
import { get } from './client.ts';
import { mergeEvents, mergeProgress } from './merge.ts';
import { MetricStore } from './metric-store.ts';
import { SERIES_NAMES } from './series.ts';
import { follow, readSurely } from './stream.ts';

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

/** The query of a run's recorded events. */
const eventsKey = (id: string) => ['run', id, 'events'] as const;

/** A run, kept up to date by its event stream while it goes on, with its curves and events. */
export function useRun(id: string) {
  const client = useQueryClient();
  const run = useQuery(runQuery(id));
  const metrics = useMemo(() => new MetricStore(), [id]);
  const followed = useRef<string | null>(null);
  const over = run.data !== undefined && FINAL_RUN_STATES.includes(run.data.state);
  const found = run.data !== undefined;
  const series = followedSeries(run.data);

  useEffect(() => {
    if (!found) return;
    const ending = new AbortController();
    const readMetrics = async (): Promise<void> => {
      metrics.add((await readSurely<MetricCurve[]>(`/v1/runs/${id}/metrics`, ending.signal)) ?? []);
    };
    if (over) {
      // It may have been seen to be over before the stream told its last words.
      if (followed.current === id) void client.invalidateQueries({ queryKey: ['run', id] });
      followed.current = null;
      void readMetrics();
      return () => ending.abort();
    }
    followed.current = id;
    const batch = new UpdateBatch(client, id, metrics);
    void follow(
      `/v1/runs/${id}/events?metrics=${series}`,
      {
        onOpen: () => {
          void readMetrics();
          batch.reload();
        },
        onMessage: (type, data) => batch.take(type, data),
        onRefused: () => batch.reload(),
      },
      ending.signal,
    );
    return () => {
      ending.abort();
      batch.stop();
    };
  }, [client, id, metrics, over, found, series]);

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
  const client = useQueryClient();
  return useQuery({
    queryKey: eventsKey(id),
    queryFn: async ({ signal }) => {
      const events: RunEvent[] = [];
      for (;;) {
        const page: RunEvent[] = await get(`/v1/runs/${id}/events?after=${events.at(-1)?.id ?? 0}`, signal);
        events.push(...page);
        if (page.length < 1_000) break;
      }
      return mergeEvents(client.getQueryData<RunEvent[]>(eventsKey(id)) ?? [], events);
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
  private reading: boolean = false;
  private readAgain: boolean = false;
  private stopped: boolean = false;

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

  /** Reads the run anew. A reading that is under way is let finish: events that keep coming would else hold it off for ever. */
  reload(): void {
    this.readAgain = this.reading;
    if (this.reading || this.stopped) return;
    this.reading = true;
    void this.client
      .invalidateQueries({ queryKey: ['run', this.id], exact: true }, { cancelRefetch: false })
      .finally(() => {
        this.reading = false;
        if (this.readAgain) this.reload();
      });
  }

  stop(): void {
    this.stopped = true;
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
      this.client.setQueryData<RunEvent[]>(eventsKey(this.id), (known = []) => mergeEvents(known, events));
      // A trial that began or ended brings more than the event tells.
      this.reload();
    }
  }
}
