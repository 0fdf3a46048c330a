import { cpus, totalmem } from 'node:os';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { Device } from '@voxhelm/contracts/plan';
import { fromJson } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { problemResponse, VERSION } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';

const Ready = z.object({ status: z.literal('ready') }).meta({ id: 'Ready' });
const Health = z.object({ status: z.literal('live') }).meta({ id: 'Health' });
const System = z
  .object({
    version: z.string(),
    node: z.string(),
    api: z.object({ cores: z.number().int(), memoryBytes: z.number().int(), uptimeSeconds: z.number() }),
    algorithms: z.array(z.string()),
    /** Devices that trainers named, the latest first. */
    devices: z.array(Device),
    runs: z.object({ active: z.number().int(), total: z.number().int() }),
  })
  .meta({ id: 'System' });

const ACTIVE = ['queued', 'running', 'pausing', 'cancelling'];

/** Probes outside of `/v1`, for whoever keeps the process running: is it up, and can it work. */
export function probeRoutes(app: App, { database, workflows }: Services): void {
  app.get(
    '/health',
    { schema: { tags: ['system'], summary: 'Is this process up?', security: [], response: { 200: Health } } },
    async () => ({ status: 'live' as const }),
  );

  app.get(
    '/ready',
    {
      schema: {
        tags: ['system'],
        summary: 'Do the database and Temporal answer?',
        security: [],
        response: { 200: Ready, ...problemResponse },
      },
    },
    async () => {
      const checks = await Promise.allSettled([database.$queryRaw`SELECT 1`, workflows.check()]);
      const away = checks.flatMap((check, index) =>
        check.status === 'rejected' ? [`${['the database', 'Temporal'][index]} does not answer`] : [],
      );
      if (away.length > 0) {
        const reasons = checks.flatMap((check) =>
          check.status === 'rejected' ? [toErrorRecord(check.reason).message] : [],
        );
        app.log.debug({ reasons }, 'not ready');
        throw new VoxhelmError('unavailable', away.join('; '), { fix: 'Wait, or look at `voxhelm doctor`.' });
      }
      return { status: 'ready' as const };
    },
  );
}

/** What this service is. */
export function systemRoutes(app: App, { database, algorithms }: Services): void {
  app.get(
    '/system',
    {
      schema: {
        tags: ['system'],
        summary: 'Version, algorithms and devices',
        response: { 200: System, ...problemResponse },
      },
    },
    async () => {
      const [analyses, active, total] = await Promise.all([
        database.analysis.findMany({ select: { device: true }, orderBy: { createdAt: 'desc' }, take: 50 }),
        database.run.count({ where: { state: { in: ACTIVE } } }),
        database.run.count(),
      ]);
      const devices = new Map(
        analyses.map(({ device }) => [JSON.stringify(device), fromJson('Analysis.device', Device, device)]),
      );
      return {
        version: VERSION,
        node: process.version,
        api: { cores: cpus().length, memoryBytes: totalmem(), uptimeSeconds: process.uptime() },
        algorithms: [...algorithms],
        devices: [...devices.values()],
        runs: { active, total },
      };
    },
  );
}
