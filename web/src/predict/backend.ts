import '@tensorflow/tfjs-backend-webgl';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plainUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import * as tf from '@tensorflow/tfjs-core';
import { registerWasmConvolutions } from './wasm-convolution.ts';

/** What a browser computes on. */
export interface Backend {
  readonly name: 'webgl' | 'wasm';
  /** For the reader: "GPU (name)" or "CPU". */
  readonly inWords: string;
}

/** Renderers that draw on the processor: WebAssembly is faster there. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Chooses and starts a backend: WebGL on a real GPU that keeps float32, else WebAssembly. */
export async function startBackend(): Promise<Backend> {
  tf.env().set('PROD', true);
  const gpu = gpuName();
  if (gpu !== null && (await tf.setBackend('webgl').catch(() => false))) {
    await tf.ready();
    if (tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) return { name: 'webgl', inWords: `GPU (${gpu})` };
  }
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plainUrl,
    'tfjs-backend-wasm-simd.wasm': simdUrl,
    'tfjs-backend-wasm-threaded-simd.wasm': threadedUrl,
  });
  // Its threads would start from scripts made of text, which the page's policy forbids.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  await tf.ready();
  registerWasmConvolutions();
  return { name: 'wasm', inWords: 'CPU (WebAssembly)' };
}

/** The graphics card's name; null where there is none, or one that the processor plays. */
function gpuName(): string | null {
  const context = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (context === null) return null;
  const details = context.getExtension('WEBGL_debug_renderer_info');
  const name = String(context.getParameter(details?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  return SOFTWARE.test(name) ? null : name;
}
