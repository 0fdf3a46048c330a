import { z } from 'zod';

/** A lower-case hexadecimal SHA-256. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A file in the artifact store. `uri` is the key inside the store (`runs/<id>/trials/<id>/best.safetensors`), so that a
 * store can move; the store itself is named by `VOXHELM_ARTIFACTS`.
 */
export const ArtifactRef = z
  .object({ uri: z.string().min(1), sha256: Sha256, bytes: z.number().int().nonnegative() })
  .meta({ id: 'ArtifactRef' });
export type ArtifactRef = z.infer<typeof ArtifactRef>;
