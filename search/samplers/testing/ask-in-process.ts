import { text } from 'node:stream/consumers';
import { ask, type Study } from '../../study.ts';
import { SAMPLERS, type SamplerName } from '../pick.ts';

/* Reads a study from standard input and prints what each sampler asks for next: for comparing processes. */
const study = JSON.parse(await text(process.stdin)) as Study;
const next = study.trials.length;
const points = (Object.keys(SAMPLERS) as SamplerName[]).map((sampler) =>
  ask({ ...study, settings: { ...study.settings, sampler } }, next),
);
process.stdout.write(JSON.stringify(points));
