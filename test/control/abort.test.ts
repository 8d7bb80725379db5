import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { untilAborted } from '../../src/control/abort.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** How many of the things that `make` gives are still there when nobody has them any more. */
async function kept(make: () => Promise<object>): Promise<number> {
  const made: WeakRef<object>[] = [];
  for (let i = 0; i < 20; i++) made.push(new WeakRef(await make()));
  await setImmediate();
  collect();
  return made.filter((reference) => reference.deref()).length;
}

describe('waiting until an abort', () => {
  it('keeps nothing of the waits before, ends at the abort, and fails as what it waits for', async () => {
    const controller = new AbortController();
    const { orAborted, forget } = untilAborted(controller.signal);
    const wait = async () => {
      const result = { chunk: new Float32Array(700) };
      await orAborted(Promise.resolve(result));
      return result;
    };
    assert.ok((await kept(wait)) <= 1);
    await assert.rejects(orAborted(Promise.reject(new Error('no chunk'))), /no chunk/);
    const endless = orAborted(new Promise(() => undefined));
    controller.abort();
    await endless;
    await orAborted(new Promise(() => undefined));
    forget();
  });
});
