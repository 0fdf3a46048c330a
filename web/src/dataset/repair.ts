import { decodeLabel, type NiftiFile, openNifti } from '@voxhelm/imaging/nifti-decode';
import { encodeNifti } from '@voxhelm/imaging/nifti-write';
import type { LabelData, LabelMap } from '@voxhelm/imaging/volume';
import type { Repair } from './check-messages.ts';
import { bytesOf, ROOT } from './node/files.ts';
import { resampleLabel } from './resample-label.ts';

/** Writes a label anew as the user chose. Paths are below the dataset's root. */
export function repairLabel(repair: Repair): { path: string; file: Blob } {
  const label = decodeLabel(open(repair.label));
  const mended = mend(repair, label);
  const bytes = encodeNifti(mended, repair.label.toLowerCase().endsWith('.gz'));
  return { path: repair.label, file: new Blob([new Uint8Array(bytes)]) };
}

function open(path: string): NiftiFile {
  return openNifti(bytesOf(`${ROOT}/${path}`), path);
}

function mend(repair: Repair, label: LabelMap): LabelMap {
  if (repair.action === 'map-values') {
    return { ...label, data: label.data.map((value) => repair.values[value] ?? value) as LabelData };
  }
  const { shape, affine } = open(repair.image).header;
  return repair.action === 'take-image-affine' ? { ...label, affine } : resampleLabel(label, { shape, affine });
}
