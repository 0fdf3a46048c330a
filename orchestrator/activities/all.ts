import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { datasetActivities } from './dataset.ts';
import { asActivities, type Dependencies } from './dependencies.ts';
import { ensembleActivities } from './ensemble.ts';
import { planActivities } from './plan.ts';
import { runStateActivities } from './run-state.ts';
import { studyActivities } from './study.ts';

/** Every activity of the queue `orchestrator`, ready for a worker. */
export function createActivities(dependencies: Dependencies): OrchestratorActivities {
  return asActivities({
    ...datasetActivities(dependencies),
    ...planActivities(dependencies),
    ...studyActivities(dependencies),
    ...ensembleActivities(dependencies),
    ...runStateActivities(dependencies),
  });
}
