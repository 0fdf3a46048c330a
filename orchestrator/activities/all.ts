import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { askActivities } from './ask.ts';
import { comparisonActivities } from './comparison.ts';
import { datasetActivities } from './dataset.ts';
import { asActivities, type Dependencies } from './dependencies.ts';
import { ensembleActivities } from './ensemble.ts';
import { firingActivities } from './firings.ts';
import { foldActivities } from './folds.ts';
import { layOutActivities } from './lay-out-study.ts';
import { prepareActivities } from './prepare-bundles.ts';
import { retrainingActivities } from './retraining.ts';
import { runStateActivities } from './run-state.ts';
import { suggestionActivities } from './suggestions.ts';
import { probeTimeActivities } from './time-for-probe.ts';
import { trialActivities } from './trials.ts';

/** Every activity of the queue `orchestrator`, ready for a worker. */
export function createActivities(dependencies: Dependencies): OrchestratorActivities {
  return asActivities({
    ...datasetActivities(dependencies),
    ...prepareActivities(dependencies),
    ...probeTimeActivities(dependencies),
    ...layOutActivities(dependencies),
    ...askActivities(dependencies),
    ...trialActivities(dependencies),
    ...foldActivities(dependencies),
    ...ensembleActivities(dependencies),
    ...runStateActivities(dependencies),
    ...firingActivities(dependencies),
    ...retrainingActivities(dependencies),
    ...comparisonActivities(dependencies),
    ...suggestionActivities(dependencies),
  });
}
