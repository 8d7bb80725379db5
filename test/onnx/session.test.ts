import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadSessionConfig, openSession } from '../../src/onnx/session.ts';
import { withFolder } from './run.ts';

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
    await assert.rejects(config('thread: 4\n'), /session\.yaml:.*thread/);
    await assert.rejects(config('executionProviders: [gpu]\n'), /executionProviders/);
    await assert.rejects(config('threads: 0\n'), /session\.yaml: threads/);
    await assert.rejects(config('threads: [\n'), /not readable as YAML/);
  });

  it('names a model file that is missing', async () => {
    await assert.rejects(
      openSession('/nowhere/model.onnx'),
      /\/nowhere\/model\.onnx: no such model/,
    );
  });
});
