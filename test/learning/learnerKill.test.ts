import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readCurve } from '../../src/learning/curve.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { candidatesOf } from '../../src/learning/ticket/race.ts';
import { exploredOffset, noOffset } from '../../src/policy/offset.ts';
import { ticketNoise } from '../../src/policy/ticket.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { withFolder } from '../onnx/run.ts';
import {
  BATCH,
  SETTINGS,
  TINY_METHODS,
  changed,
  makeAttempts,
  nameOf,
  openTinyLearner,
  writeEpisode,
} from './attempts.ts';
import { tinyBundle } from './tiny.ts';

const DIMS = tinyBundle.architecture.actionDim;
const DEVIATIONS = new Array<number>(DIMS).fill(0.02);
const UPDATES = 4;
const TICKETS = candidatesOf(0, SETTINGS.seed);
const LIVES = 4;
const PROGRAM = join(import.meta.dirname, 'learnerMain.js');

/** Runs a learner's process to its end, or until `during` has killed it. */
async function run(
  args: string[],
  during?: (child: ReturnType<typeof spawn>, said: () => number) => Promise<void>,
): Promise<number | null> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  let said = 0;
  child.stdout.on('data', (text: Buffer) => (said += text.toString().split('\n').length - 1));
  await during?.(child, () => said);
  const [code] = await closed;
  return code;
}

describe('a learner that is killed', { timeout: 300_000 }, () => {
  for (const method of [
    'fpo',
    'fpo-replay',
    'preference',
    'edits',
    'steer',
    'offset',
    'ticket',
  ] as const)
    it(`comes by ${method} to the same numbers as one that was not`, () =>
      withFolder(async (folder) => {
        const bundle = join(folder, 'policy');
        const episodes = join(folder, 'episodes');
        const attempts = await makeAttempts(bundle, UPDATES * BATCH);
        for (const [i, episode] of attempts.entries())
          await writeEpisode(
            episodes,
            nameOf(i),
            changed(
              episode,
              method === 'ticket'
                ? {
                    noise: ticketNoise(TICKETS[i % TICKETS.length], episode.chunks[0].noise.length),
                  }
                : { offset: exploredOffset(noOffset(DIMS), DEVIATIONS, i) },
            ),
          );
        const [through, killed] = ['through', 'killed'].map((name) => join(folder, name));
        assert.equal(await run([through, bundle, episodes, method]), 0);

        const draw = uniformNumbers(3);
        let kills = 0;
        for (let life = 0; life < LIVES; life++) {
          const code = await run([killed, bundle, episodes, method], async (child, said) => {
            const lines = life % 3;
            while (said() < lines && child.exitCode === null) await setTimeout(2);
            await setTimeout(draw() * 150);
            child.kill('SIGKILL');
          });
          if (code === null) kills += 1;
        }
        assert.ok(kills > LIVES / 2, `only ${kills} kills hit it`);
        assert.equal(await run([killed, bundle, episodes, method]), 0);

        const [one, other] = await Promise.all(
          [through, killed].map((of) => readFile(join(of, 'state.safetensors'))),
        );
        assert.ok(one.equals(other));
        const curves = await Promise.all([through, killed].map((of) => readCurve(of)));
        assert.equal(curves[0][0].points.length, UPDATES);
        assert.deepEqual(curves[1], curves[0]);
        const algorithm = TINY_METHODS[method];
        const learner = await openTinyLearner(killed, bundle, {}, algorithm);
        assert.equal(learner.consumed(), UPDATES * BATCH);
        const versions = learner.versions().length;
        // A race in which the same tickets stay ahead makes no version, nor do critics that do not rank yet.
        if (method === 'ticket') assert.ok(versions > 2);
        else if (method === 'edits' || method === 'steer') assert.ok(versions > 0);
        else assert.equal(versions, UPDATES + 1);
        const { file, version } = learner.current();
        const base = await loadBundle(bundle);
        const read = await readAdapter(file, { ...base, trainable: SETTINGS.trainable });
        assert.equal(read.version, version);
        await learner.close();
      }));
});
