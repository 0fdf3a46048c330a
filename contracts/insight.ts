import { z } from 'zod';
import { Point, TrialState } from './trial.ts';

/*
 * What a study's trials tell, for people: `GET /v1/runs/{id}/search`.
 */

/** One search trial in the order of their numbers, with the best value of all so far. */
export const HistoryPoint = z.object({
  trialId: z.string(),
  number: z.number().int(),
  algorithm: z.string(),
  state: TrialState,
  /** Validation Dice; null where it has none. */
  value: z.number().nullable(),
  /** Best value of this and all earlier trials; null where none has one. */
  best: z.number().nullable(),
  /** Steps that it trained, those of the trial that it continues included. */
  step: z.number().int(),
  /** The trial whose checkpoint it went on from. */
  continues: z.string().nullable(),
  /** Which rule proposed its point; null for trials of earlier versions. */
  source: z.string().nullable(),
});
export type HistoryPoint = z.infer<typeof HistoryPoint>;

/** How much a parameter decides about being among the best trials (PED-ANOVA); shares sum to 1. */
export const ParameterImportance = z.object({
  path: z.string(),
  importance: z.number().min(0).max(1),
  /** 90 % interval by bootstrap over the trials. */
  low: z.number().min(0).max(1),
  high: z.number().min(0).max(1),
  /** Trials that have the parameter. */
  trials: z.number().int(),
});
export type ParameterImportance = z.infer<typeof ParameterImportance>;

/** Trials that were trained to the same number of steps, the best first. */
export const Rung = z.object({
  steps: z.number().int(),
  trials: z.array(
    z.object({
      trialId: z.string(),
      number: z.number().int(),
      algorithm: z.string(),
      state: TrialState,
      value: z.number().nullable(),
      /** The trial that went on from it on the next rung. */
      promotedTo: z.string().nullable(),
    }),
  ),
});
export type Rung = z.infer<typeof Rung>;

/** What trials are compared by beside Dice. */
export const CostMeasure = z.enum(['trainSeconds', 'bundleBytes']);
export type CostMeasure = z.infer<typeof CostMeasure>;

/** Dice against a cost: which trials nobody beats in both. */
export const ParetoFront = z.object({
  cost: CostMeasure,
  trials: z.array(z.object({ trialId: z.string(), number: z.number().int(), dice: z.number(), cost: z.number() })),
  /** Numbers of the trials on the front, cheapest first. */
  front: z.array(z.number().int()),
  /** Area (0..1) that the front dominates: Dice above 0 by the cost saved, as a share of the dearest trial's. */
  hypervolume: z.number().min(0).max(1).nullable(),
});
export type ParetoFront = z.infer<typeof ParetoFront>;

/** A study as people look at it. */
export const SearchInsight = z
  .object({
    sampler: z.string(),
    pruner: z.string(),
    /** Trials that the search is planned to have. */
    plannedTrials: z.number().int().nullable(),
    best: z.object({ trialId: z.string(), number: z.number().int(), value: z.number(), point: Point }).nullable(),
    history: z.array(HistoryPoint),
    /** Most important first; empty while there are fewer than 8 finished trials. */
    importance: z.array(ParameterImportance),
    /** By steps, shortest first. One rung where nothing is promoted. */
    rungs: z.array(Rung),
    pareto: z.array(ParetoFront),
  })
  .meta({ id: 'SearchInsight' });
export type SearchInsight = z.infer<typeof SearchInsight>;
