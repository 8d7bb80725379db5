import assert from 'node:assert/strict';
import { onWarning } from '../../src/warnings.ts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Graph } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import { matmul } from '../../src/onnx/products.ts';
import { probeProvider, unbuilt } from '../../src/session/providerProbe.ts';
import { type Provider, asBound, engineCache } from '../../src/session/providers.ts';
import {
  type SessionConfig,
  Tensor,
  executionProvidersOf,
  loadSessionConfig,
  openModel,
  openSession,
  sessionConfigSchema,
} from '../../src/session/session.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';

const config = (yaml: string) =>
  withFolder(async (folder) => {
    const path = join(folder, 'session.yaml');
    await writeFile(path, yaml);
    return loadSessionConfig(path);
  });

describe('how sessions run', () => {
  it('is the CPU with every core where nothing is said', async () => {
    const { executionProviders, threads } = await loadSessionConfig();
    assert.deepEqual(executionProviders, ['cpu']);
    assert.ok(threads >= 1);
  });

  it('is read from YAML, providers in order with their options', async () => {
    const { executionProviders, threads } = await config(
      'executionProviders: [{ name: cuda, deviceId: 1 }, cpu]\nthreads: 4\n',
    );
    assert.deepEqual(executionProviders, [{ name: 'cuda', deviceId: 1 }, 'cpu']);
    assert.equal(threads, 4);
  });

  it('refuses unknown fields, providers and impossible thread counts, each by name', async () => {
    const refused = (yaml: string, ...fields: string[]) =>
      assertRejectsAbout(config(yaml), { kind: 'invalid', subject: 'session.yaml', fields });
    await refused('thread: 4\n', 'thread');
    await refused('executionProviders: [gpu]\n', 'executionProviders[0]');
    await refused('threads: 0\n', 'threads');
    await refused('threads: [\n');
  });

  it('names a model file that is missing', async () => {
    await assertRejectsAbout(openSession('/nowhere/model.onnx'), {
      kind: 'missing',
      subject: '/nowhere/model.onnx',
    });
  });
});

/** Opens x·x for a 2×2 matrix, and squares one. */
async function square(config: Partial<SessionConfig>) {
  const graph = new Graph('square');
  const x = graph.input('x', 'float32', [2, 2]);
  graph.output('y', matmul(x, x));
  const session = await openModel(encodeModel(graph), sessionConfigSchema.parse(config));
  try {
    const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) });
    return { y: Array.from(y.data as Float32Array), on: executionProvidersOf(session) };
  } finally {
    await session.release();
  }
}

const SQUARED = [7, 10, 15, 22];

/** What is warned of while `body` runs. */
async function warnings(body: () => Promise<void>): Promise<string> {
  const heard: string[] = [];
  const stop = onWarning((text) => heard.push(text));
  try {
    await body();
  } finally {
    stop();
  }
  return heard.join('\n');
}

/** What is said of a provider that this machine lacks. */
const LACKING = { kind: 'unsupported', fields: ['tensorrt'] } as const;

describe('an execution provider that cannot be had', async () => {
  const skip = (await probeProvider('tensorrt')) === undefined && 'TensorRT works here';

  it('is an error, with what it needs and how to go on without it', { skip }, () =>
    assertRejectsAbout(square({ executionProviders: ['tensorrt', 'cpu'] }), {
      ...LACKING,
      names: ['NVIDIA GPU', 'nalu doctor', 'fallback: true'],
    }),
  );

  it('makes room for the next one with fallback, which is said', { skip }, async () => {
    const said = await warnings(async () => {
      const { y, on } = await square({ executionProviders: ['tensorrt', 'cpu'], fallback: true });
      assert.deepEqual(y, SQUARED);
      assert.deepEqual(on, ['cpu']);
    });
    assertSaid(said, 'tensorrt', 'Used in its place: cpu');
  });

  it('is an error all the same where no other is named', { skip }, () =>
    assertRejectsAbout(square({ executionProviders: ['tensorrt'], fallback: true }), {
      ...LACKING,
      names: ['cpu', 'executionProviders'],
    }),
  );

  it('is told from a model that cannot be loaded', async () => {
    const config = sessionConfigSchema.parse({ fallback: true });
    await assert.rejects(openModel(Buffer.from('no model'), config), { fields: [] });
  });

  it('may be one that this onnxruntime-node was not built with', () => {
    assertSaid(unbuilt('qnn' as Provider)!, 'cpu');
    assert.equal(unbuilt('cpu'), undefined);
  });
});

describe('WebGPU', () => {
  it('computes the same as the CPU where there is an adapter, and says so where there is none', async () => {
    const reason = await probeProvider('webgpu');
    if (reason !== undefined) return assert.match(reason, /adapter|not in this onnxruntime-node/);
    assert.deepEqual(await square({ executionProviders: ['webgpu'] }), {
      y: SQUARED,
      on: ['webgpu'],
    });
  });
});

describe('options of execution providers', () => {
  it('are only those that reach them', () => {
    const parse = (provider: object) =>
      sessionConfigSchema.safeParse({ executionProviders: [provider] }).success;
    assert.ok(parse({ name: 'tensorrt', deviceId: 1, trt_fp16_enable: true }));
    assert.ok(parse({ name: 'webgpu', preferredLayout: 'NHWC' }));
    assert.ok(!parse({ name: 'tensorrt', fp16: true }));
    assert.ok(!parse({ name: 'cuda', gpu_mem_limit: 1 }));
  });

  it('are for TensorRT a cache of engines in the user’s folder of caches, and what is given', () =>
    withFolder((folder) => {
      const { XDG_CACHE_HOME: before } = process.env;
      process.env.XDG_CACHE_HOME = folder;
      try {
        const cache = join(folder, 'nalu', 'tensorrt');
        assert.equal(engineCache(), cache);
        assert.deepEqual(asBound({ name: 'tensorrt', trt_fp16_enable: true }), {
          name: 'tensorrt',
          deviceId: 0,
          trt_engine_cache_enable: '1',
          trt_engine_cache_path: cache,
          trt_timing_cache_enable: '1',
          trt_timing_cache_path: cache,
          trt_fp16_enable: '1',
        });
        assert.equal(asBound('cuda'), 'cuda');
      } finally {
        if (before === undefined) delete process.env.XDG_CACHE_HOME;
        else process.env.XDG_CACHE_HOME = before;
      }
      return Promise.resolve();
    }));
});
