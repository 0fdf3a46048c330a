import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import { LabelDefinition, Modality } from '@voxhelm/contracts/dataset';
import { Point } from '@voxhelm/contracts/trial';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis, Run } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import type { DatasetFeatures, EarlierStudy } from '@voxhelm/search/warm-start';
import { z } from 'zod';

/** Runs looked back at: the newest completed ones. */
const MOST_RUNS = 50;

/** What of an analysis tells how similar two datasets are. */
export function featuresOf(analysis: Analysis): DatasetFeatures {
  const { image_stats } = fromJson('Analysis.summary', AnalysisSummary, analysis.summary);
  const axes = (median: number | readonly number[]) => (typeof median === 'number' ? [median] : [...median]);
  return {
    modalities: fromJson('Analysis.modalities', z.array(Modality), analysis.modalities),
    classes: fromJson('Analysis.labels', z.array(LabelDefinition), analysis.labels).length,
    cases: analysis.trainingCases,
    spacingMm: axes(image_stats.spacing.median),
    shape: axes(image_stats.shape.median),
  };
}

/** The studies of completed runs, this one's own left out. */
export async function earlierStudies(database: Transaction, run: Pick<Run, 'id'>): Promise<EarlierStudy[]> {
  const rows = await database.run.findMany({
    where: { state: 'completed', id: { not: run.id }, analysis: { isNot: null } },
    orderBy: { id: 'desc' },
    take: MOST_RUNS,
    select: {
      analysis: true,
      trials: {
        where: { kind: 'search', state: 'completed', bestDice: { not: null } },
        select: { point: true, bestDice: true },
      },
    },
  });
  return rows.flatMap(({ analysis, trials }) =>
    analysis === null || analysis.summary === null
      ? []
      : [
          {
            features: featuresOf(analysis),
            trials: trials.map(({ point, bestDice }) => ({
              point: fromJson('Trial.point', Point, point),
              value: bestDice ?? 0,
            })),
          },
        ],
  );
}
