import { linkedDevice } from '@voxhelm/infra/doctor-device';

/** What is measured on: `--device` of `npm run bench` (which set-up hands on as VOXHELM_DEVICE), else what set-up linked. */
export async function benchDevice(): Promise<'cpu' | 'cuda'> {
  const asked = process.env['VOXHELM_DEVICE'];
  if (asked === 'cpu' || asked === 'cuda') return asked;
  return (await linkedDevice()) ?? 'cpu';
}
