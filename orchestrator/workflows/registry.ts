/* What a Temporal worker loads: every workflow by its type's name (signals.ts WORKFLOWS). */
export { datasetWorkflow } from './dataset.ts';
export { firingWorkflow } from './firing.ts';
export { predictionWorkflow } from './prediction.ts';
export { runWorkflow } from './run.ts';
export { suggestionWorkflow } from './suggestion.ts';
export { trialWorkflow } from './trial.ts';
