import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Message, PART_BYTES } from '../../src/link/wire/protocol.ts';
import { type Adapter, makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { BASE, LORA, MAKERS, NATS, type Place, randomAdapter, until, withPlace } from './link.ts';
import { rawLearner } from './raw.ts';

const LIMIT = { timeout: 180_000 };

async function written(folder: string, adapter: Adapter): Promise<string> {
  const path = join(folder, `${adapter.version}.out`);
  await writeAdapter(path, adapter);
  return path;
}

for (const maker of MAKERS) {
  const at = (body: (place: Place) => Promise<void>) => withPlace(body, maker);

  describe(
    `adapters on their way to the robot over ${maker.name}`,
    { ...LIMIT, skip: maker.skip },
    () => {
      it('are adopted to the bit, whoever connects first', () =>
        at(async ({ folder, openLearner, openRuntime, adopted }) => {
          const [first, second] = [randomAdapter(1), randomAdapter(2)];
          const port = await openLearner();
          await port.publish(await written(folder, first), BASE);
          const courier = await openRuntime();
          await until(() => courier.status().version === first.version);
          await port.publish(await written(folder, second), first.version);
          await until(() => courier.status().version === second.version);
          assert.deepEqual(adopted, [first, second]);
        }));

      it('may be skipped: only the newest matters to who was absent', () =>
        at(async ({ folder, openLearner, openRuntime, adopted }) => {
          const chain = [1, 2, 3, 4, 5].map((seed) => randomAdapter(seed));
          const port = await openLearner();
          await port.publish(await written(folder, chain[0]), BASE);
          const courier = await openRuntime();
          await until(() => courier.status().version === chain[0].version);
          await courier.close();
          for (const [i, adapter] of chain.slice(1).entries())
            await port.publish(await written(folder, adapter), chain[i].version);
          const again = await openRuntime();
          await until(() => again.status().version === chain[4].version);
          assert.deepEqual(
            adopted.map(({ version }) => version),
            [chain[0], chain[0], chain[4]].map(({ version }) => version),
            'after a restart it begins with what it played last',
          );
          assert.deepEqual(
            (await readdir(join(folder, 'adapters'))).sort(),
            [`${chain[4].version}.safetensors`, 'taken.txt'].sort(),
          );
        }));

      it('are remembered by a learner that restarts', () =>
        at(async ({ folder, openLearner, openRuntime }) => {
          const [first, second] = [randomAdapter(1), randomAdapter(2)];
          const port = await openLearner();
          await port.publish(await written(folder, first), BASE);
          await port.close();
          const again = await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().version === first.version);
          await again.publish(await written(folder, second), first.version);
          await until(() => courier.status().version === second.version);
        }));

      it('are played again after a restart, where one was taken back too', () =>
        at(async ({ folder, openLearner, openRuntime, adopted }) => {
          const [first, second] = [randomAdapter(1), randomAdapter(2)];
          const port = await openLearner();
          const courier = await openRuntime();
          for (const adapter of [first, second, first]) {
            await port.publish(await written(folder, adapter), BASE);
            await until(() => courier.status().version === adapter.version);
          }
          await port.close();
          await courier.close();
          adopted.length = 0;
          const again = await openRuntime();
          await until(() => again.status().version === first.version);
          assert.deepEqual(adopted, [first]);
        }));

      it('are taken back though the robot has not yet said that it plays what came between', () =>
        at(async ({ folder, openLearner, openRuntime, adopted }) => {
          const [first, second] = [randomAdapter(1), randomAdapter(2)];
          const port = await openLearner();
          let release = () => {};
          const held = new Promise<void>((resolve) => (release = resolve));
          const courier = await openRuntime({
            onAdapter: async (adapter) => {
              adopted.push(adapter);
              if (adapter.version === second.version) await held;
            },
          });
          await port.publish(await written(folder, first), BASE);
          await until(() => courier.status().version === first.version);
          await port.publish(await written(folder, second), first.version);
          await until(() => adopted.length === 2);
          await port.publish(await written(folder, first), BASE);
          release();
          await until(() => adopted.length === 3 && courier.status().version === first.version);
          assert.deepEqual(adopted, [first, second, first]);
        }));

      it('are not published from a parent that was not', () =>
        at(async ({ folder, openLearner }) => {
          const port = await openLearner();
          const orphan = await written(folder, randomAdapter(1));
          await assertRejectsAbout(port.publish(orphan, 'bbbbbbbbbbbb'), {
            ...{ kind: 'mismatch', names: ['bbbbbbbbbbbb'] },
          });
          const other = await written(folder, randomAdapter(1, { base: 'cccccccccccc' }));
          await assertRejectsAbout(port.publish(other, BASE), {
            ...{ kind: 'mismatch', names: ['cccccccccccc', 'aaaaaaaaaaaa'] },
          });
        }));

      it('are not played if the policy cannot adopt them, and the learner hears why', () =>
        at(async ({ folder, openLearner, openRuntime, learnerLog, runtimeLog }) => {
          const port = await openLearner();
          const courier = await openRuntime({
            onAdapter: () => Promise.reject(new Error('the policy is closed')),
          });
          const { version } = randomAdapter(1);
          await port.publish(await written(folder, randomAdapter(1)), BASE);
          await until(() => learnerLog.length > 0 && runtimeLog.length > 0);
          assert.equal(learnerLog.length, 1);
          assert.ok(
            learnerLog[0].endsWith(`did not take the adapter ${version}: the policy is closed`),
          );
          assert.deepEqual(runtimeLog, [
            `the adapter ${version} was not taken: the policy is closed`,
          ]);
          assert.equal(courier.status().version, BASE);
        }));
    },
  );
}

/** What a learner gone wrong sends of an adapter. */
interface Fault {
  what: string;
  adapter?: Adapter;
  line?: [string, ...string[]];
  damage?: (file: Buffer) => void;
  /** What the refusal names. */
  names: string[];
}

const withNaN = () => {
  const parameters = new Map(randomAdapter(3).parameters);
  const [[name, { shape, data }]] = parameters;
  const values = Float32Array.from(data);
  values[1] = NaN;
  return randomAdapter(3, { parameters: parameters.set(name, { shape, data: values }) });
};

const FAULTS: Fault[] = [
  {
    what: 'of which a bit flipped on its way',
    damage: (file) => (file[file.length - 5] ^= 4),
    names: ['announced', 'SHA-256'],
  },
  {
    what: 'of another rank',
    adapter: randomAdapter(1, { trainable: { parameters: 'lora', rank: 3 } }),
    names: ['is [3, 24]', '[2, 24]'],
  },
  {
    what: 'of an unknown parent',
    line: ['bbbbbbbbbbbb'],
    names: ['descends from bbbbbbbbbbbb'],
  },
  { what: 'with NaN', adapter: withNaN(), names: ['values that are not finite'] },
  {
    what: 'of another policy',
    adapter: randomAdapter(1, { base: 'cccccccccccc' }),
    names: ['the policy cccccccccccc', 'plays aaaaaaaaaaaa'],
  },
];

/** A learner that sends one adapter to whoever says hello. */
async function faultyLearner({ folder, address, learnerFolder }: Place, fault: Fault) {
  await mkdir(learnerFolder, { recursive: true });
  const adapter = fault.adapter ?? randomAdapter(1);
  const file = await readFile(await written(folder, adapter));
  const announced: Message = {
    kind: 'adapter',
    name: adapter.version,
    base: adapter.base,
    line: fault.line ?? [BASE],
    trainable: LORA,
    bytes: file.length,
    sha256: createHash('sha256').update(file).digest('hex'),
  };
  fault.damage?.(file);
  return rawLearner(address, (message) => {
    if (message.kind === 'hello') return [{ message: { kind: 'welcome' } }, { message: announced }];
    if (message.kind !== 'want') return [];
    const { what, name, offset } = message;
    const data = file.subarray(offset, offset + PART_BYTES);
    return [{ message: { kind: 'part', what, name, offset }, data }];
  });
}

describe('an adapter', LIMIT, () => {
  for (const fault of FAULTS)
    it(`${fault.what} is refused with the reason, and nothing changes`, () =>
      withPlace(async (place) => {
        const { folder, openRuntime, adopted, runtimeLog } = place;
        const learner = await faultyLearner(place, fault);
        const courier = await openRuntime();
        await until(() => learner.heard.some(({ kind }) => kind === 'notTaken'));
        const answer = learner.heard.find((message) => message.kind === 'notTaken');
        assertSaid(answer!.why, ...fault.names);
        await until(() => runtimeLog.some((line) => line.includes(answer!.why)));
        assert.equal(courier.status().version, BASE);
        assert.deepEqual(adopted, []);
        assert.deepEqual(await readdir(join(folder, 'adapters')), ['taken.txt']);
        learner.close();
      }));
});

describe('an adapter with places of robots', { ...LIMIT, skip: NATS.skip }, () => {
  it('is one version to all, and each robot plays it at its own place', () =>
    withPlace(async ({ folder, openLearner, openRuntime }) => {
      const own = new Map(
        ['left', 'right'].map((robot, i) => [robot, { view: Float32Array.of(0.1 * (i + 1), 0, 0, 0) }]), // prettier-ignore
      );
      const adapter = makeAdapter({ ...randomAdapter(1), own });
      const port = await openLearner();
      await port.publish(await written(folder, adapter), BASE);
      for (const robot of ['left', 'right', 'third']) {
        const taken: Adapter[] = [];
        const onAdapter = (one: Adapter) => Promise.resolve(void taken.push(one));
        const courier = await openRuntime({ adapters: join(folder, robot), onAdapter }, robot);
        await until(() => courier.status().version === adapter.version);
        assert.deepEqual(
          taken.map(({ version, view, own }) => [version, view, own]),
          [[adapter.version, own.get(robot)?.view, undefined]],
        );
      }
    }, NATS));
});
