/*
 * Types of set-up's plain JavaScript, for the TypeScript beside it.
 */

// biome-ignore lint/correctness/noUnresolvedImports: a pattern, not a path
declare module '*/device.mjs' {
  /** What the NVIDIA driver says. */
  export interface FoundGpus {
    readonly driver: string;
    readonly gpus: readonly { readonly name: string; readonly memoryMiB: number }[];
  }
  export type RequestedDevice = 'auto' | 'cpu' | 'cuda';
  /** The device to set up, why, and what stands against it. */
  export interface ChosenDevice {
    readonly device: 'cpu' | 'cuda';
    readonly why: string;
    readonly warning: string | null;
  }
  /** CUDA 12 wants no older driver. */
  export const OLDEST_DRIVER: number;
  export function findGpus(): Promise<FoundGpus | null>;
  export function readGpus(output: string): FoundGpus | null;
  export function readDevice(text: string | undefined): RequestedDevice;
  export function chooseDevice(requested: RequestedDevice, found: FoundGpus | null, arch: string): ChosenDevice;
  export function describeGpus(found: FoundGpus): string;
}

// biome-ignore lint/correctness/noUnresolvedImports: a pattern, not a path
declare module '*/wheels.mjs' {
  export const TENSORFLOW_VERSION: string;
  /** One Python wheel, pinned by content. */
  export interface Wheel {
    readonly package: string;
    readonly version: string;
    readonly sha256: string;
    readonly megabytes: number;
  }
  export interface Wheels {
    readonly platforms: readonly string[];
    readonly wheels: readonly Wheel[];
  }
  export function wheelsFor(device: 'cpu' | 'cuda', arch: string): Wheels | null;
  /** A wheel as pip is asked for it. */
  export function requirementOf(wheel: Wheel): string;
  export function megabytesOf(wheels: Wheels): number;
}
