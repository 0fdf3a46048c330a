import type { MetricCurve } from '@voxhelm/contracts/api';
import type { Database } from '@voxhelm/prisma/client';

/** Whose points: one trial's or a run's. */
type CurveFilter = { trialId: string } | { trial: { runId: string } };

/** Curves in the order of trial, series and step. */
export async function curves(
  database: Database,
  where: CurveFilter,
  series: readonly string[] | undefined,
): Promise<MetricCurve[]> {
  const rows = await database.metricPoint.findMany({
    where: { ...where, ...(series === undefined ? {} : { series: { in: [...series] } }) },
    select: { trialId: true, series: true, step: true, value: true },
    orderBy: [{ trialId: 'asc' }, { series: 'asc' }, { step: 'asc' }],
  });
  const found: MetricCurve[] = [];
  for (const { trialId, series: name, step, value } of rows) {
    let curve = found.at(-1);
    if (curve === undefined || curve.trialId !== trialId || curve.series !== name) {
      curve = { trialId, series: name, points: [] };
      found.push(curve);
    }
    curve.points.push({ step, value });
  }
  return found;
}

/** Points of one trial and series that were told so far: up to which step. */
type Told = Map<string, Map<string, number>>;

/**
 * A function that answers with the points that came since it was last called (the first call: since now), of the trials
 * that run or ran at the last call. A point that a later attempt writes again keeps its value, so it is told once.
 */
export async function followMetrics(
  database: Database,
  runId: string,
  series: readonly string[],
): Promise<() => Promise<MetricCurve[]>> {
  const told: Told = new Map();
  const rows = await database.metricPoint.groupBy({
    by: ['trialId', 'series'],
    where: { trial: { runId }, series: { in: [...series] } },
    _max: { step: true },
  });
  for (const { trialId, series: name, _max } of rows) mark(told, trialId, name, _max.step ?? 0);
  const finished = new Set(
    (await database.trial.findMany({ where: { runId, finishedAt: { not: null } }, select: { id: true } })).map(
      ({ id }) => id,
    ),
  );
  return async () => {
    const trials = await database.trial.findMany({ where: { runId }, select: { id: true, finishedAt: true } });
    const open = trials.filter(({ id }) => !finished.has(id));
    const found = await Promise.all(open.map(({ id }) => newPoints(database, id, series, told)));
    for (const { id, finishedAt } of open) if (finishedAt !== null) finished.add(id);
    return found.flat();
  };
}

async function newPoints(
  database: Database,
  trialId: string,
  series: readonly string[],
  told: Told,
): Promise<MetricCurve[]> {
  const known = told.get(trialId);
  const rows = await database.metricPoint.findMany({
    where: {
      trialId,
      OR: series.map((name) => ({ series: name, step: { gt: known?.get(name) ?? -1 } })),
    },
    select: { series: true, step: true, value: true },
    orderBy: [{ series: 'asc' }, { step: 'asc' }],
  });
  const found = new Map<string, MetricCurve>();
  for (const { series: name, step, value } of rows) {
    const curve = found.get(name) ?? { trialId, series: name, points: [] };
    curve.points.push({ step, value });
    found.set(name, curve);
    mark(told, trialId, name, step);
  }
  return [...found.values()];
}

function mark(told: Told, trialId: string, series: string, step: number): void {
  const own = told.get(trialId) ?? new Map<string, number>();
  own.set(series, step);
  told.set(trialId, own);
}
