import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { spawnNalu } from '../cli/nalu.ts';
import { until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { SETTINGS, commandOf, processesIn, runIn } from './survive.ts';
import { writeTinyAloha } from './tinyAloha.ts';

const SIGNALS = 2;
/** Seconds after its start, or after its first episode, at which a run is told to end, at most. */
const LONGEST_LIFE = 3;

/** Runs `nalu adapt` on a tiny policy without an end of its own; gives what it said when it has ended. */
const adapt = async (
  folder: string,
  during?: Parameters<typeof spawnNalu>[1],
  more: string[] = [],
) => {
  await writeTinyAloha(join(folder, 'policy'));
  await writeFile(join(folder, 'fpo.yaml'), JSON.stringify(SETTINGS));
  const ended = await spawnNalu(
    [
      ...['adapt', runIn(folder), '--policy', join(folder, 'policy')],
      ...['--config', join(folder, 'fpo.yaml'), '--episodes', '1000000', '--batch', '4'],
      ...['--attempts', '1', '--processes', '1', ...more],
    ],
    during,
  );
  await until(async () => (await processesIn(folder)).length === 0);
  return ended;
};

/** That it said one sentence, once, and ended as after a fault. */
const assertRefused = (
  { code, err }: Awaited<ReturnType<typeof spawnNalu>>,
  ...names: string[]
) => {
  const [, said = err] = /^nalu: (.*)\n$/.exec(err) ?? [];
  assertSaid(said, ...names);
  assert.equal(code, 1);
};

describe('nalu adapt ends', { timeout: 600_000 }, () => {
  it('at the first signal, at any moment, with all that it has started', async () => {
    const draw = uniformNumbers(5);
    for (let i = 0; i < SIGNALS; i++)
      await withFolder(async (folder) => {
        const hasBegun = () =>
          readdir(join(runIn(folder), 'learner/episodes')).then(
            (names) => names.length > 0,
            () => false,
          );
        const { code, err } = await adapt(folder, (child) => {
          const tell = async () => {
            if (i % 2 === 1) await until(async () => child.exitCode !== null || (await hasBegun()));
            await setTimeout(1000 * LONGEST_LIFE * draw());
            child.kill(i % 2 === 0 ? 'SIGINT' : 'SIGTERM');
          };
          void tell();
        });
        // The tiny policy warns of its long prompt.
        const others = err.replaceAll(/^nalu: the prompt takes .*\n/gm, '');
        assert.doesNotMatch(others, /nalu:|Error|^\s+at /m);
        // Before it listens to signals, they end it by themselves.
        assert.ok(code === 130 || code === null, `exit code ${code}`);
      });
  });

  it('where its learner cannot begin, which says why once', () =>
    withFolder(async (folder) => {
      await mkdir(join(runIn(folder), 'learner'), { recursive: true });
      await writeFile(join(runIn(folder), 'learner/state.safetensors'), 'no state');
      assertRefused(await adapt(folder), join(runIn(folder), 'learner/state.safetensors'));
    }));

  it('where another learner works in its folder', () =>
    withFolder(async (folder) => {
      const learner = join(runIn(folder), 'learner');
      await mkdir(learner, { recursive: true });
      const other = createServer().listen(join(learner, 'learner.sock'));
      await once(other, 'listening');
      try {
        assertRefused(await adapt(folder), 'another process');
      } finally {
        other.close();
      }
    }));

  it('where a process that makes attempts is killed', () =>
    withFolder(async (folder) => {
      const ended = await adapt(folder, (child) => {
        const kill = async () => {
          let worker: number | undefined;
          await until(async () => {
            for (const pid of await processesIn(folder))
              if ((await commandOf(pid)).some((part) => part.endsWith('rollouts/rolloutWorker.js')))
                worker = pid;
            return worker !== undefined || child.exitCode !== null;
          });
          if (worker !== undefined) process.kill(worker, 'SIGKILL');
        };
        void kill();
      });
      assertRefused(ended, 'a rollout process', 'SIGKILL');
    }));

  it('where its folder cannot be, and makes nothing', () =>
    withFolder(async (folder) => {
      const file = runIn(folder);
      await writeFile(file, 'a file');
      assertRefused(await adapt(folder), 'cannot be made');
      const long = join(folder, 'long'.repeat(30));
      const refused = await spawnNalu(['adapt', long, '--policy', join(folder, 'policy')]);
      assertRefused(refused, '107');
      assert.deepEqual((await readdir(folder)).sort(), ['fpo.yaml', 'policy', 'run']);
    }));
});
