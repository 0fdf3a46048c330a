import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { Evaluation } from '@voxhelm/contracts/evaluation';
import { readImage, readLabel } from '@voxhelm/imaging/nifti';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { LabelledCase, Material, Member } from './material.ts';
import { overlayPicture } from './report/overlays.ts';
import type { Overlay } from './report/page.ts';
import { pngDataUri } from './report/png.ts';
import type { TestPredictions } from './test-cases.ts';

interface Example {
  readonly one: LabelledCase;
  readonly dice: number;
  readonly prediction: ArtifactRef;
}

/** Best, median and worst case as pictures: of the test cases, or of the members' validation cases where there are none. */
export async function exampleOverlays(
  material: Material,
  members: readonly Member[],
  evaluation: Evaluation | null,
  predictions: TestPredictions,
  store: ArtifactStore,
): Promise<Overlay[]> {
  const kind = evaluation ? 'test' : 'validation';
  const examples = evaluation ? testExamples(material, evaluation, predictions) : validationExamples(material, members);
  const picked = pickExamples(examples.sort((a, b) => b.dice - a.dice || (a.one.caseId < b.one.caseId ? -1 : 1)));
  return Promise.all(
    picked.map(async ({ word, example: { one, dice, prediction } }) => ({
      caption: `${word} ${kind} case`,
      caseId: one.caseId,
      dice,
      dataUri: pngDataUri(
        overlayPicture(
          await readImage(one.images),
          await readLabel(one.label),
          await readLabel(await store.localPath(prediction)),
        ),
      ),
    })),
  );
}

function testExamples(material: Material, evaluation: Evaluation, predictions: TestPredictions): Example[] {
  const byId = new Map(material.test.map((one) => [one.caseId, one]));
  return evaluation.cases.flatMap((scores) => {
    const one = byId.get(scores.case);
    const prediction = predictions.get(scores.case);
    return one && prediction && scores.dice !== null ? [{ one, dice: scores.dice, prediction }] : [];
  });
}

function validationExamples(material: Material, members: readonly Member[]): Example[] {
  return material.validation.flatMap((one) => {
    const stored = members.find((member) => member.stored.has(one.caseId))?.stored.get(one.caseId);
    return stored && stored.dice !== null ? [{ one, dice: stored.dice, prediction: stored.labelMap }] : [];
  });
}

/** First, middle and last of examples sorted best first; each case once. */
function pickExamples(sorted: readonly Example[]): { word: string; example: Example }[] {
  const last = sorted.length - 1;
  const places = [
    { word: 'Best', at: 0 },
    { word: 'Median', at: Math.floor(last / 2) },
    { word: 'Worst', at: last },
  ];
  const seen = new Set<number>();
  return places.flatMap(({ word, at }) => {
    const example = sorted[at];
    if (example === undefined || seen.has(at)) return [];
    seen.add(at);
    return [{ word, example }];
  });
}
