import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChunkPolicy } from '../../src/policy/chunkPolicy.ts';
import { delegatePolicy, exploring, fromZeroNoise } from '../../src/policy/policyWrappers.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { delegateClock, delegateRobot, delegateTask } from '../../src/robot/delegates.ts';
import type { Clock, Robot, Task } from '../../src/robot/robot.ts';
import { embodiment } from '../control/fakeRobot.ts';

/** Private fields are found on the instance alone, and getters change: what a spread of an instance loses. */
class OwnClock implements Clock {
  #now = 0n;
  now() {
    return this.#now;
  }
  until(stamp: bigint) {
    this.#now = stamp;
    return Promise.resolve();
  }
  behind() {
    return Number(this.#now);
  }
}

class OwnRobot implements Robot {
  readonly #clock = new OwnClock();
  #isClosed = false;
  commands: Float64Array[] = [];
  get embodiment() {
    return embodiment;
  }
  get clock() {
    return this.#clock;
  }
  get dry() {
    return this.#isClosed;
  }
  observe() {
    this.#isClosed = false;
  }
  command(positions: Float64Array) {
    this.commands.push(positions);
  }
  close() {
    this.#isClosed = true;
    return Promise.resolve();
  }
}

class OwnTask implements Task {
  readonly name = 'reach';
  readonly prompt = 'reach out';
  #steps = 10;
  get maxSteps() {
    return this.#steps;
  }
  reset(seed: number) {
    this.#steps = seed;
    return Promise.resolve();
  }
  assess() {
    return { reward: this.#steps, success: false };
  }
}

class OwnPolicy implements ChunkPolicy {
  #executeSteps = 5;
  closed = false;
  noises: unknown[] = [];
  get cameras() {
    return ['cam_high'];
  }
  get horizon() {
    return 10;
  }
  get executeSteps() {
    return this.#executeSteps;
  }
  sample(...[, noise]: Parameters<ChunkPolicy['sample']>) {
    this.noises.push(noise);
    this.#executeSteps = 3;
    return Promise.reject(new Error('no chunk'));
  }
  close() {
    this.closed = true;
    return Promise.resolve();
  }
}

describe('what delegates to a port that a class implements', () => {
  it('is a clock', async () => {
    const clock = delegateClock(new OwnClock(), {});
    await clock.until(7n);
    assert.deepEqual([clock.now(), clock.behind!(), clock.isExternal], [7n, 7, undefined]);
    const plain: Clock = { now: () => 1n, until: () => Promise.resolve() };
    assert.ok(!('behind' in delegateClock(plain, {})));
  });

  it('is a robot, whose getters are read each time', async () => {
    const own = new OwnRobot();
    const sent: number[] = [];
    const robot = delegateRobot(own, {
      command(positions) {
        sent.push(positions.length);
        own.command(positions);
      },
    });
    robot.observe({ joints: () => undefined, frame: () => undefined });
    robot.command(Float64Array.of(1, 2));
    assert.deepEqual([sent, own.commands.length], [[2], 1]);
    assert.equal(robot.embodiment, embodiment);
    assert.equal(robot.dry, false);
    await robot.close();
    assert.equal(robot.dry, true);
  });

  it('is a task', async () => {
    const task = delegateTask(new OwnTask(), { assess: () => ({ reward: 0, success: true }) });
    await task.reset(4);
    assert.deepEqual([task.name, task.prompt, task.maxSteps], ['reach', 'reach out', 4]);
    assert.ok(task.assess().success);
  });

  it('is a policy, from zero noise and exploring', async () => {
    const own = new OwnPolicy();
    const policy = delegatePolicy(own, { join: 'ensemble' });
    assert.deepEqual([policy.cameras, policy.horizon, policy.join], [['cam_high'], 10, 'ensemble']);
    const observation = { joints: { stamp: 0n, position: new Float64Array() }, frames: [], prompt: '' }; // prettier-ignore
    await assert.rejects(fromZeroNoise(policy).sample(observation, { seed: 1 }));
    assert.equal(policy.executeSteps, 3);
    const exploration = explorationSchema.parse({ size: 1 });
    await assert.rejects(exploring(policy, exploration).sample(observation, { seed: 1 }));
    assert.deepEqual(own.noises, ['zero', { seed: 1, exploration }]);
    await policy.close();
    assert.ok(own.closed);
  });
});
