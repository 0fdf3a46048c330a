import { PageQuery } from '@voxhelm/contracts/api';
import { CaseAdd, LabelChangeView, LabelGive, LabelGiven } from '@voxhelm/contracts/api-labels';
import { z } from 'zod';
import { contentStore } from '../../content-store.ts';
import { addCase, giveLabel } from '../../given-labels.ts';
import { labelChangeView } from '../../label-log.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { registeredDataset } from '../../registered-dataset.ts';
import type { App, Services } from '../../services.ts';

const LabelChangePage = pageOf(LabelChangeView).meta({ id: 'LabelChangePage' });
const params = z.object({ id: z.string() });

/** Labels and cases that go into a dataset which schedules watch, and the log of them. */
export function labelRoutes(app: App, { database, settings }: Services): void {
  const context = { database, content: contentStore(settings.home) };

  app.put(
    '/datasets/:id/cases/:caseId/label',
    {
      schema: {
        tags: ['datasets'],
        summary: 'Give a case of the dataset its label, or a corrected one in place of the one that it has',
        description:
          'The file comes to /v1/uploads/files first (tus, with its SHA-256). It is checked as the dataset check does: the ' +
          "image's grid, values of the label set, not empty. The earlier label is kept in `labelVersions`; the change is " +
          'in the audit log, and counts as a new or corrected case at the next look of a schedule. Labels of comparison ' +
          'and test cases change only with `heldOut`.',
        params: params.extend({ caseId: z.string() }),
        body: LabelGive,
        response: { 200: LabelGiven, ...problemResponse },
      },
    },
    async ({ params: { id, caseId }, body }) =>
      giveLabel(context, (await registeredDataset(database, id)).id, caseId, body),
  );

  app.post(
    '/datasets/:id/cases',
    {
      schema: {
        tags: ['datasets'],
        summary: 'Add a case to the dataset: its images, with its label or to be labelled later',
        description:
          'The files come to /v1/uploads/files first. Images go to `imagesUn`, the label to `labelsTr`, whatever the ' +
          "dataset's layout: a case with a label is a training case from the next look of a schedule on.",
        params,
        body: CaseAdd,
        response: { 200: LabelGiven, ...problemResponse },
      },
    },
    async ({ params: { id }, body }) => addCase(context, (await registeredDataset(database, id)).id, body),
  );

  app.get(
    '/datasets/:id/labels',
    {
      schema: {
        tags: ['datasets'],
        summary: 'The audit log of labels and cases that were given to the dataset, newest first',
        params,
        querystring: PageQuery,
        response: { 200: LabelChangePage, ...problemResponse },
      },
    },
    async ({ params: { id }, query }) => {
      const { id: datasetId } = await registeredDataset(database, id);
      const after = keyOf(query.cursor);
      const rows = await database.labelChange.findMany({
        where: { datasetId, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
      });
      return page(rows, query.limit, (row) => row.id, labelChangeView);
    },
  );
}
