import { StorageView } from '@voxhelm/contracts/api-storage';
import { z } from 'zod';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';
import { deleteDataset, deleteRun, storageView } from '../../storage-usage.ts';

const params = z.object({ id: z.string() });
const gone = z.undefined().describe('Deleted');

/** Room on the disks, and making some. */
export function storageRoutes(app: App, services: Services): void {
  app.get(
    '/storage',
    {
      schema: {
        tags: ['system'],
        summary: 'Disk used by each run and dataset, and what may be deleted',
        response: { 200: StorageView, ...problemResponse },
      },
    },
    () => storageView(services),
  );
  app.delete(
    '/runs/:id',
    {
      schema: {
        tags: ['runs'],
        summary: 'Delete a run that is over, with its files',
        params,
        response: { 204: gone, ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      await deleteRun(services, id);
      return reply.code(204).send();
    },
  );
  app.delete(
    '/datasets/:id',
    {
      schema: {
        tags: ['datasets'],
        summary: 'Delete a dataset that no run uses; files only where they were uploaded',
        params,
        response: { 204: gone, ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      await deleteDataset(services, id);
      return reply.code(204).send();
    },
  );
}
