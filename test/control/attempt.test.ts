import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { EpisodeHeader } from '../../src/episodes/episode.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { stepsOfChunks } from '../../src/learning/attempts/credit.ts';
import type { ChunkPolicy } from '../../src/policy/chunkPolicy.ts';
import { runAttempt } from '../../src/control/attempt.ts';
import { createMeters } from '../../src/measure/meters.ts';
import { noiseSeed } from '../../src/control/noiseSeed.ts';
import { trajectoryPolicy } from '../../src/control/trajectoryPolicy.ts';
import { assertAbout } from '../refusals.ts';
import { PERIOD, embodiment, fakePolicy, fakeRobot, fakeTask, ramp } from './fakeRobot.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-attempt-'));
after(() => rm(folder, { recursive: true }));

const header = (id: string): EpisodeHeader => ({
  id,
  embodiment,
  task: 'reach',
  prompt: 'reach out',
  seed: 7,
  policy: 'fake@v1',
});

const still = () => Array.from({ length: 10 }, () => [0, 0]);

describe('an attempt', () => {
  it('asks for each chunk with the rows in play from its observation on, and how many will be gone', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy(ramp(0.05));
    const join = 'exact' as const;
    await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot, 0.9),
      policy: { ...policy, join },
      lead: 3,
    });
    const [first, second] = policy.requests;
    assert.equal(first.join, undefined);
    // Asked for 3 steps before the end of 5 of 10 rows of two joints: row 2 on is still to come.
    assert.equal(second.join!.delay, 3);
    const rows = ramp(0.05)(first.observation).slice(2);
    assert.deepEqual([...second.join!.rows], [...Float32Array.from(rows.flat())]);
  });

  it('stands still until a chunk is there where it is synchronous, and plays it from its first row', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('synchronous'));
    const policy = fakePolicy(ramp(0.05));
    const task = fakeTask(robot, 2, 13);
    const join = 'synchronous' as const;
    const result = await runAttempt({
      seed: 7,
      robot,
      task,
      policy: { ...policy, join },
      recorder,
      lead: 3,
    });
    assert.equal(result.heldSteps, 3);
    const shoulder = robot.commands.map(([position]) => position);
    assert.ok(shoulder.slice(5, 8).every((position) => position === shoulder[4]));
    const [first, second] = (await readEpisode(result.episode!)).chunks;
    assert.equal(second.observationStamp - first.observationStamp, 5n * PERIOD);
    assert.deepEqual([second.delay, second.executedFrom, second.executedTo], [3, 0, 5]);
    assert.equal(second.join, join);
    assert.deepEqual(stepsOfChunks([first, second], 50), [8, 5]);
  });

  it('records what a chunk was drawn towards', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('joined'));
    const policy = fakePolicy(ramp(0.05));
    const drawn: ChunkPolicy = {
      ...policy,
      join: 'exact',
      async sample(observation, noise, join) {
        const chunk = await policy.sample(observation, noise, join);
        const weights = Float32Array.of(1, 1, 0.5, ...Array<number>(7).fill(0));
        return join ? { ...chunk, joined: { kind: 'exact', rows: join.rows, weights } } : chunk;
      },
    };
    const task = fakeTask(robot, 0.9);
    const result = await runAttempt({ seed: 7, robot, task, policy: drawn, recorder });
    const [first, second] = (await readEpisode(result.episode!)).chunks;
    assert.equal(first.joined, undefined);
    assert.equal(second.join, 'exact');
    assert.deepEqual(second.joined!.rows, policy.requests[1].join!.rows);
    assert.deepEqual(second.joined!.weights, Float32Array.of(1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0));
  });

  it('asks sooner for a chunk after one that was late, where time goes on', async () => {
    const robot = fakeRobot();
    const late = fakePolicy(ramp(0.01), (index) => robot.clock.until(robot.clock.now() + (index === 1 ? 4n : 0n) * PERIOD)); // prettier-ignore
    const task = fakeTask(robot, 2, 20);
    await runAttempt({ seed: 7, robot, task, policy: late, lead: 1, awaitChunks: false });
    const stamps = late.requests.map(({ observation }) => Number((observation.joints.stamp - late.requests[0].observation.joints.stamp) / PERIOD)); // prettier-ignore
    assert.deepEqual(stamps.slice(0, 3), [0, 4, 9]);
  });

  it('plays chunk after chunk until the task succeeds, and records all of it', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('success'));
    const policy = fakePolicy(ramp(0.05));
    const result = await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot, 0.9),
      policy,
      recorder,
    });
    assert.equal(result.outcome, 'success');
    assert.equal(result.problem, null);
    assert.equal(result.steps, robot.commands.length);
    assert.deepEqual(result.chunkMs, { mean: 5, max: 5, run: 3, overhead: 2 });
    assert.ok(result.chunks >= 3);

    const episode = await readEpisode(result.episode!);
    assert.deepEqual(episode.missing, []);
    assert.deepEqual(episode.header, header('success'));
    assert.equal(episode.result?.outcome, 'success');
    assert.equal(episode.result.reward, 1);
    assert.equal(episode.result.steps, result.steps);
    assert.deepEqual(
      episode.commands.map(({ position }) => [...position]),
      robot.commands,
    );
    assert.equal(episode.joints.length, result.steps);
    assert.deepEqual(
      episode.chunks
        .slice(0, 3)
        .map(({ delay, executedFrom, executedTo, held }) => [
          delay,
          executedFrom,
          executedTo,
          held,
        ]),
      [
        [0, 0, 5, 0],
        [2, 2, 7, 0],
        [2, 2, 7, 0],
      ],
    );
    const rows = episode.chunks.reduce(
      (sum, chunk) => sum + chunk.executedTo - chunk.executedFrom,
      0,
    );
    assert.equal(rows, result.steps);
    const [first, second] = episode.chunks;
    assert.equal(second.observationStamp - first.observationStamp, 3n * PERIOD);
    assert.deepEqual(second.noise, new Float32Array(40).fill(1));
    assert.deepEqual(second.timeline, {
      requested: second.observationStamp,
      // The next time it looked up was the next control step.
      arrived: second.observationStamp,
      joined: second.observationStamp + 2n * PERIOD,
      firstCommand: second.observationStamp + 2n * PERIOD,
      timing: { preprocess: 1, run: 3, total: 5 },
    });
    const seen = policy.requests[1].observation.frames[0];
    const stored = episode.image('cam_high', second.frameStamps.cam_high);
    assert.deepEqual(
      [...(await stored!.pixels())],
      [...(await seen.pixels())],
      'images are stored without loss',
    );
  });

  it('is the same twice: seeds, chunks and commands', async () => {
    const run = async () => {
      const robot = fakeRobot();
      const policy = fakePolicy(ramp(0.02), () => setTimeout(Math.random() * 3));
      await runAttempt({ seed: 7, robot, task: fakeTask(robot), policy });
      return { commands: robot.commands, noises: policy.requests.map(({ noise }) => noise) };
    };
    const [first, second] = [await run(), await run()];
    assert.deepEqual(first, second);
    assert.deepEqual(first.noises[3], { seed: noiseSeed(7, 3), attempt: 7 });
    const seeds = first.noises.map((noise) => (noise as { seed: number }).seed);
    assert.equal(new Set(seeds).size, seeds.length);
  });

  it('is a failure at the last step', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('failure'));
    const policy = fakePolicy(ramp(0.001));
    const result = await runAttempt({ seed: 7, robot, task: fakeTask(robot), policy, recorder });
    assert.equal(result.outcome, 'failure');
    assert.equal(result.steps, 60);
    const episode = await readEpisode(result.episode!);
    assert.equal(episode.result?.reward, 0);
    assert.equal(episode.result.stagedReward, result.reward);
  });

  it('skips as many rows as a chunk is late, and holds when nothing is left, in real time', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('late'));
    let release = () => {};
    let requests = 0;
    const policy = fakePolicy(ramp(0.001), () =>
      ++requests === 2 ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve(),
    );
    robot.onStep = (step) => {
      if (step === 11) release();
    };
    const result = await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot, 2, 20),
      policy,
      recorder,
      awaitChunks: false,
    });
    assert.equal(result.outcome, 'failure');
    const { chunks } = await readEpisode(result.episode!);
    const play = chunks.map(({ delay, executedFrom, executedTo }) => [
      delay,
      executedFrom,
      executedTo,
    ]);
    assert.deepEqual(play[0], [0, 0, 10]);
    assert.deepEqual(play[1].slice(0, 2), [9, 9]);
    assert.equal(
      result.heldSteps,
      robot.commands.length - play.reduce((n, [, a, b]) => n + b - a, 0),
    );
    assert.ok(result.heldSteps >= 2);
  });

  it('counts control steps that were missed and skips their rows', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('missed'));
    robot.onStep = (step) => {
      if (step === 0) robot.oversleep = 2n * PERIOD;
    };
    const policy = fakePolicy(ramp(0.001));
    const task = fakeTask(robot, 2, 10);
    const result = await runAttempt({ seed: 7, robot, task, policy, recorder });
    assert.equal(result.missedSteps, 2);
    assert.equal(result.steps, 8);
    const [{ executedFrom, executedTo, held }] = (await readEpisode(result.episode!)).chunks;
    // The next one is asked for a step late, and comes a step late.
    assert.deepEqual([executedFrom, executedTo, held], [0, 6, 2]);
  });

  it('tells its meters of ticks, chunks, and how old is what the first command of a chunk obeys', async () => {
    const robot = fakeRobot();
    const meters = createMeters();
    robot.onStep = (step) => {
      if (step === 0) robot.oversleep = 2n * PERIOD;
    };
    const policy = fakePolicy(ramp(0.001));
    const task = fakeTask(robot, 2, 30);
    const awaitChunks = false;
    const { chunks, missedSteps, steps } = await runAttempt({
      ...{ seed: 7, robot, task, policy, meters, awaitChunks },
    });
    const { figures, missed } = meters.reading();
    meters.close();
    assert.equal(figures.total!.count, chunks);
    assert.equal(figures.run!.p50, 3);
    assert.equal(figures.lateness!.count, steps + 1);
    assert.equal(figures.lateness!.max, 40);
    assert.equal(missed.gc + missed.event_loop + missed.machine, missedSteps);
    assert.equal(figures.reaction!.count, chunks);
    assert.equal(figures.reaction!.max, 40);
  });

  it('plays a scripted trajectory row by row', async () => {
    const robot = fakeRobot();
    const rows = Array.from({ length: 30 }, (_, row) => [row * 0.03125, 0.25]);
    const policy = trajectoryPolicy({
      version: 'expert',
      cameras: ['cam_high'],
      horizon: 10,
      executeSteps: 5,
      controlRate: 50,
      plan: () => rows,
    });
    const task = fakeTask(robot, 2, 40);
    const result = await runAttempt({ seed: 7, robot, task, policy });
    assert.equal(result.outcome, 'failure');
    const shoulder = robot.commands.map(([position]) => position);
    assert.deepEqual(
      shoulder.slice(0, 30),
      rows.map(([position]) => position),
    );
    assert.deepEqual(shoulder.slice(30), Array(10).fill(rows[29][0]));
  });
});

describe('an attempt that goes wrong', () => {
  it('is discarded when it is aborted, its file whole', async () => {
    const robot = fakeRobot();
    const abort = new AbortController();
    robot.onStep = (step) => {
      if (step === 12) abort.abort();
    };
    const recorder = await recordEpisode(folder, header('aborted'));
    const result = await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot),
      policy: fakePolicy(ramp(0.001)),
      recorder,
      signal: abort.signal,
    });
    assert.equal(result.outcome, 'discarded');
    const episode = await readEpisode(result.episode!);
    assert.deepEqual(episode.missing, []);
    assert.equal(episode.result?.reward, null);
  });

  it('ends at an abort even while it waits for a chunk that never comes', async () => {
    const robot = fakeRobot();
    const abort = new AbortController();
    const policy = fakePolicy(still, () => {
      abort.abort();
      return new Promise(() => {});
    });
    const task = fakeTask(robot);
    const result = await runAttempt({ seed: 7, robot, task, policy, signal: abort.signal });
    assert.equal(result.outcome, 'discarded');
    assert.equal(result.steps, 0);
  });

  it('holds, then stops and names the camera that went blind', async () => {
    const robot = fakeRobot();
    robot.onStep = (step) => {
      if (step === 8) robot.blind.add('cam_wrist');
    };
    const task = fakeTask(robot, 2, 500);
    const result = await runAttempt({ seed: 7, robot, task, policy: fakePolicy(ramp(0.001)) });
    assert.equal(result.outcome, 'discarded');
    assertAbout(result.problem, { kind: 'guarded', fields: ['cam_wrist'], names: ['cam_wrist'] });
    assert.match(result.problem!.message, / 1\d\d\d ms /);
    assert.ok(result.heldSteps > 30);
    const [last] = robot.commands.at(-1)!;
    assert.ok(robot.commands.slice(-30).every(([position]) => position === last));
  });

  it('stops within half a second of silent joints', async () => {
    const robot = fakeRobot();
    robot.onStep = (step) => {
      robot.deaf = step >= 8;
    };
    const task = fakeTask(robot, 2, 500);
    const result = await runAttempt({ seed: 7, robot, task, policy: fakePolicy(ramp(0.001)) });
    assertAbout(result.problem, { kind: 'guarded', fields: ['joint state'], names: ['520 ms'] });
    assert.equal(result.steps, 9 + 26);
  });

  it('holds when the chunk in play comes from too old an observation, and says so', async () => {
    const robot = fakeRobot();
    const slow = { ...robot, embodiment: { ...robot.embodiment, controlRate: 5 } };
    let requests = 0;
    const policy = fakePolicy(ramp(0.001), () =>
      ++requests === 1 ? Promise.resolve() : new Promise(() => {}),
    );
    const task = fakeTask(robot, 2, 500);
    const result = await runAttempt({ seed: 7, robot: slow, task, policy, awaitChunks: false });
    assertAbout(result.problem, { kind: 'guarded', fields: ['chunk'], names: ['observation'] });
    assert.match(result.problem!.message, / 3\d\d\d ms /);
    const [old] = result.guard.filter(({ rule }) => rule === 'chunkOld');
    assert.equal(old.source, 'chunk');
    assert.equal(old.count, result.heldSteps);
  });

  it('stops when the heartbeat stays away', async () => {
    const robot = fakeRobot();
    let age = 0;
    robot.onStep = (step) => {
      age = step < 20 ? 0 : (step - 20) * 20;
    };
    const heartbeat = { source: '/deadman', age: () => age };
    const task = fakeTask(robot, 2, 500);
    const policy = fakePolicy(ramp(0.001));
    const result = await runAttempt({ seed: 7, robot, task, policy, heartbeat });
    assertAbout(result.problem, {
      kind: 'guarded',
      fields: ['/deadman'],
      names: ['/deadman', '1020 ms'],
    });
    assert.ok(result.heldSteps >= 38);
  });

  it('brakes to rest before it ends, however it ends, and sends what the guard gave and no more', async () => {
    const blunt = embodiment.joints.map((joint) => ({ ...joint, acceleration: 25 }));
    const [{ velocity, acceleration }] = blunt;
    const rush = () => Array.from({ length: 10 }, (_, row) => [row < 8 ? 1 : NaN, 0.5]);
    const endings = {
      abort: 'discarded',
      silence: 'discarded',
      failure: 'failure',
      fault: 'discarded',
    } as const;
    for (const [ending, outcome] of Object.entries(endings)) {
      const robot = fakeRobot();
      const abort = new AbortController();
      robot.onStep = (step) => {
        if (ending === 'abort' && step === 7) abort.abort();
        if (ending === 'silence') robot.deaf = step >= 3;
      };
      const policy = fakePolicy(() => {
        if (ending === 'fault' && policy.requests.length === 2) throw new Error('no');
        return rush();
      });
      const result = await runAttempt({
        seed: 7,
        robot: { ...robot, embodiment: { ...embodiment, joints: blunt } },
        task: fakeTask(robot, 2, ending === 'failure' ? 7 : 500),
        policy,
        signal: abort.signal,
      });
      assert.equal(result.outcome, outcome, ending);
      const path = [0, 0, ...robot.commands.map(([shoulder]) => shoulder)];
      path.push(path.at(-1)!);
      const moves = path.slice(1).map((at, i) => at - path[i]);
      assert.ok(Math.max(...moves) > 0.03, `${ending}: it was fast`);
      for (const [i, move] of moves.slice(1).entries()) {
        assert.ok(Math.abs(move) <= velocity / 50 + 1e-12, ending);
        assert.ok(Math.abs(move - moves[i]) <= acceleration / 2500 + 1e-12, `${ending}, ${i}`);
      }
    }
  });

  it('carries on over a joint state that is not finite, and counts it', async () => {
    const robot = fakeRobot();
    robot.onStep = (step) => {
      if (step === 8) robot.lie = [NaN, 0];
    };
    const result = await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot),
      policy: fakePolicy(ramp(0.001)),
    });
    assert.equal(result.outcome, 'failure');
    assert.deepEqual(result.refused, { shoulder: 1 });
  });

  it('stops when the policy fails, with its reason', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy((observation, index) => {
      if (index === 2) throw new Error('out of memory');
      return ramp(0.001)(observation);
    });
    const result = await runAttempt({ seed: 7, robot, task: fakeTask(robot), policy });
    assert.equal(result.outcome, 'discarded');
    assertAbout(result.problem, { names: ['chunk 2', 'out of memory'] });
  });

  it('stops when the policy gives actions that are not numbers', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy(() => Array.from({ length: 10 }, () => [0, NaN]));
    const result = await runAttempt({ seed: 7, robot, task: fakeTask(robot), policy });
    assertAbout(result.problem, {
      kind: 'guarded',
      fields: ['hand'],
      names: ['hand', 'not a finite number'],
    });
    assert.ok(robot.commands.flat().every(Number.isFinite));
  });

  it('stops when no chunk comes for two seconds of real time', async () => {
    const robot = fakeRobot();
    let requests = 0;
    const policy = fakePolicy(ramp(0.001), () =>
      ++requests === 1 ? Promise.resolve() : new Promise(() => {}),
    );
    const task = fakeTask(robot, 2, 500);
    const result = await runAttempt({ seed: 7, robot, task, policy, awaitChunks: false });
    assertAbout(result.problem, {
      kind: 'unready',
      subject: 'policy',
      names: ['no chunk', '2 s'],
    });
    assert.equal(result.steps, 10 + 100);
  });

  it('begins with a joint outside its limits only if one step at its speed brings it back', async () => {
    const startAt = async (position: number) => {
      const robot = fakeRobot();
      const task = fakeTask(robot);
      task.reset = () => {
        robot.lie = [position, 0];
        robot.place();
        return Promise.resolve();
      };
      return (await runAttempt({ seed: 7, robot, task, policy: fakePolicy(still) })).problem;
    };
    assert.equal(await startAt(1.09), null, 'a step is 5 rad/s / 50 Hz = 0.1 rad');
    assertAbout(await startAt(1.11), { kind: 'invalid', fields: ['shoulder'], names: ['1.110'] });
  });

  it('never begins with a joint far outside its limits, without cameras, or with too short a horizon', async () => {
    const astray = fakeRobot();
    const task = fakeTask(astray);
    task.reset = () => {
      astray.lie = [1.5, 0];
      astray.place();
      return Promise.resolve();
    };
    const policy = fakePolicy(still);
    const strayed = await runAttempt({ seed: 7, robot: astray, task, policy });
    assertAbout(strayed.problem, {
      kind: 'invalid',
      fields: ['shoulder'],
      names: ['shoulder', '1.500', 'limits'],
    });

    const blind = fakeRobot();
    blind.blind.add('cam_high');
    const unseen = await runAttempt({ seed: 7, robot: blind, task: fakeTask(blind), policy });
    assertAbout(unseen.problem, {
      kind: 'unreachable',
      fields: ['cam_high'],
      names: ['10 s', 'nothing from cam_high'],
    });

    const robot = fakeRobot();
    const greedy = await runAttempt({
      seed: 7,
      robot,
      task: fakeTask(robot),
      policy: { ...policy, executeSteps: 9 },
    });
    assertAbout(greedy.problem, {
      kind: 'mismatch',
      fields: ['executeSteps'],
      names: ['horizon of 10'],
    });
    for (const { commands } of [astray, blind, robot]) assert.deepEqual(commands, []);
  });

  it('is discarded when the disk is full: the robot holds, the partial file stays', async () => {
    const robot = fakeRobot();
    let written = 0;
    const recorder = await recordEpisode(folder, header('full'), () =>
      Promise.resolve({
        position: () => BigInt(written),
        write: (bytes: Uint8Array) => {
          written += bytes.length;
          return written > 20_000
            ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
            : Promise.resolve();
        },
        sync: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }),
    );
    const task = fakeTask(robot, 2, 1000);
    const policy = fakePolicy(ramp(0.001));
    const result = await runAttempt({ seed: 7, robot, task, policy, recorder });
    assert.equal(result.outcome, 'discarded');
    assert.equal(result.episode, null);
    assertAbout(result.problem, {
      kind: 'unready',
      names: ['full.mcap.partial', 'the disk is full'],
    });
    assert.ok(result.steps > 0 && result.steps < 1000);
    assert.ok((await listEpisodes(folder)).every(({ id }) => id !== 'full'));
  });

  it('passes a fault of the program on, its episode closed as discarded', async () => {
    const robot = fakeRobot();
    const recorder = await recordEpisode(folder, header('fault'));
    const task = fakeTask(robot);
    task.assess = () => {
      throw new TypeError('not a function');
    };
    const policy = fakePolicy(still);
    await assert.rejects(runAttempt({ seed: 7, robot, task, policy, recorder }), TypeError);
    const listed = (await listEpisodes(folder)).find(({ id }) => id === 'fault');
    assert.ok(listed?.state === 'finished');
    assert.equal(listed.result.outcome, 'discarded');
  });
});
