import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { labelsOf } from '../../src/episodes/labels.ts';
import { MAKERS, type Place, kept, putEpisodes, until, withPlace } from './link.ts';

const KILLS = 10;
/** Where there is a server between both, which is killed too. */
const KILLS_WITH_SERVER = 8;
const SEED = 4;

const start = (program: string, args: string[], heard: string[] = [], flags: string[] = []) => {
  const path = join(import.meta.dirname, program);
  const child = spawn(process.execPath, [...flags, path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop()!;
    heard.push(...lines);
  });
  return child;
};

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'exit');
  child.kill('SIGKILL');
  await closed;
}

/** A process that is started again where it ends by itself: one that opens while the server goes cannot reach it. */
function supervised(begin: () => ChildProcess) {
  let child: ChildProcess;
  let isOver = false;
  const run = () => {
    child = begin();
    child.once('exit', () => isOver || run());
  };
  run();
  return {
    kill() {
      isOver = true;
      return kill(child);
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** A process that has ended but was not waited for has no command line. */
const isRunning = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/cmdline`, 'utf8').then(
    (line) => line !== '',
    () => false,
  );

/** Number of episodes on the learner's disk. */
const episodesIn = async (learner: string) =>
  (await readdir(join(learner, 'episodes')).catch(() => [])).filter((name) =>
    name.endsWith('.mcap'),
  ).length;

const said = (lines: string[], what: string) =>
  lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));

for (const maker of MAKERS) {
  const at = (body: (place: Place) => Promise<void>) => withPlace(body, maker);

  describe(
    `the link over ${maker.name} between processes that are killed`,
    { timeout: 180_000, skip: maker.skip },
    () => {
      it('loses no episode or label, counts none twice, and leaves no adapter half applied', () =>
        at(async (place) => {
          const { folder, episodes, learnerFolder, address, server, openLearner, openRuntime } =
            place;
          const draw = uniformNumbers(SEED);
          const heard: string[] = [];
          const adapters = join(folder, 'adapters');
          const sides = {
            learner: () =>
              supervised(() =>
                start('learnerMain.js', [learnerFolder, maker.as(address, 'learner')], heard),
              ),
            runtime: (life: number) => {
              let again = 0;
              return supervised(() => {
                const name = `life${life}${'x'.repeat(again++)}`;
                const where = [episodes, adapters, maker.as(address, 'robot')];
                return start('runtimeMain.js', [...where, name, '1000'], heard);
              });
            },
          };
          let [learner, runtime] = [sides.learner(), sides.runtime(0)];
          const passed = async () =>
            (await episodesIn(learnerFolder)) + said(heard, 'adapter').length;
          for (let i = 1; i <= (server ? KILLS_WITH_SERVER : KILLS); i++) {
            if (i % 4 === 0) {
              const before = await passed();
              await until(async () => (await passed()) > before);
            }
            await setTimeout(draw() * 1500);
            if (server && i % 5 === 0) {
              await server.kill();
              await server.restart();
            } else if (draw() < 0.5) {
              await learner.kill();
              learner = sides.learner();
            } else {
              await runtime.kill();
              runtime = sides.runtime(i);
            }
          }
          await learner.kill();
          await runtime.kill();

          const recorded = said(heard, 'episode');
          await openLearner();
          const courier = await openRuntime();
          const files = (await readdir(episodes)).filter((name) => name.endsWith('.mcap'));
          await until(() => courier.status().acknowledged === files.length);
          assert.equal(courier.status().pending, 0);
          const there = await kept(learnerFolder);
          assert.deepEqual(
            [...there.keys()],
            files.map((file) => file.replace(/\.mcap$/, '')).sort(),
          );
          assert.deepEqual(
            recorded.filter((name) => !there.has(name)),
            [],
          );
          for (const [name, content] of there)
            assert.ok(content.equals(await readFile(join(episodes, `${name}.mcap`))), name);
          const labelsIn = (place: string) =>
            Promise.all([...there.keys()].map((name) => labelsOf(join(place, `${name}.mcap`))));
          const labels = await labelsIn(episodes);
          assert.deepEqual(await labelsIn(join(learnerFolder, 'episodes')), labels);
          const made = said(heard, 'label').length;
          assert.ok(made > 0 && labels.flat().length >= made, `${labels.flat().length} of ${made}`);
          const lines = (await readFile(join(learnerFolder, 'received.txt'), 'utf8'))
            .trim()
            .split('\n');
          assert.equal(new Set(lines).size, lines.length);
          assert.equal(lines.length, files.length);
        }));

      it('goes on when a process of its own is killed beneath either side', () =>
        at(
          async ({ episodes, learnerFolder, openLearner, openRuntime, runtimeLog, learnerLog }) => {
            const before = await childrenOf(process.pid);
            await openLearner();
            const courier = await openRuntime();
            const own = (await childrenOf(process.pid)).filter((pid) => !before.includes(pid));
            assert.equal(own.length, 2);
            const sent = new Map<string, Buffer>();
            for (const pid of own) {
              process.kill(pid, 'SIGKILL');
              for (const [name, content] of await putEpisodes(episodes, [`after-${pid}`]))
                sent.set(name, content);
              courier.notify();
            }
            await until(() => courier.status().acknowledged === 2);
            assert.deepEqual(await kept(learnerFolder), new Map([...sent].sort()));
            for (const log of [learnerLog, runtimeLog])
              assert.ok(log.some((line) => line === "the link's process ended with SIGKILL"));
          },
        ));

      it('does not outlive the program that it served', () =>
        at(async ({ folder, episodes, learnerFolder, address }) => {
          const heard: string[] = [];
          const sides = [
            start('learnerMain.js', [learnerFolder, maker.as(address, 'learner')], heard),
            start(
              'runtimeMain.js',
              [episodes, join(folder, 'adapters'), maker.as(address, 'robot'), 'x', '5'],
              heard,
            ),
          ];
          await until(() => heard.filter((line) => line === 'open').length === 2);
          const own = (await Promise.all(sides.map(({ pid }) => childrenOf(pid!)))).flat();
          assert.equal(own.length, 2);
          for (const side of sides) await kill(side);
          for (const pid of own) await until(async () => !(await isRunning(pid)));
        }));

      it('does not mind a clock that jumps', () =>
        at(async ({ folder, episodes, learnerFolder, address }) => {
          const heard: string[] = [];
          const jumps = ['--import', `file://${join(import.meta.dirname, 'jumpingClock.js')}`];
          const learner = start(
            'learnerMain.js',
            [learnerFolder, maker.as(address, 'learner')],
            heard,
            jumps,
          );
          const args = [
            episodes,
            join(folder, 'adapters'),
            maker.as(address, 'robot'),
            'jump',
            '20',
          ];
          const runtime = start('runtimeMain.js', args, heard, jumps);
          await until(async () => (await episodesIn(learnerFolder)) === 20);
          await until(() => said(heard, 'adapter').length > 2);
          await kill(runtime);
          await kill(learner);
          assert.deepEqual(
            said(heard, 'log').filter(
              (line) => !/plays the adapter|no answer|went away/.test(line),
            ),
            [],
          );
        }));
    },
  );
}
