import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { AttemptResult } from '../../src/control/attempt.ts';
import {
  type OperationState,
  type OperationWork,
  createOperation,
} from '../../src/control/operation.ts';
import { UserError } from '../../src/errors.ts';
import { assertAbout, assertRejectsAbout, assertThrowsAbout } from '../refusals.ts';

const result = (outcome: AttemptResult['outcome']): AttemptResult => ({
  ...{ seed: 0, outcome, reward: 0, success: outcome === 'success', steps: 1, missedSteps: 0 },
  ...{
    heldSteps: 0,
    starvedSteps: 0,
    chunks: 1,
    mendedChunks: 0,
    refusedChunks: 0,
    chunkMs: null,
    guard: [],
    refused: {},
  },
  ...{ problem: null, episode: null },
});

/** An operation of a robot whose every part takes a turn of the event loop, and lasts until it is aborted if asked to. */
function operated(changes: Partial<OperationWork> = {}, attended = true) {
  const phases: string[] = [];
  const problems: string[] = [];
  const outcomes: string[] = [];
  let someoneIsThere = attended;
  const states: OperationState[] = [];
  const work: OperationWork = {
    prepare: () => setImmediate(),
    home: () => setImmediate(),
    attempt: async ({ verdict, judgement }) => {
      await setImmediate();
      return result(verdict() ?? (await judgement()));
    },
    ...changes,
  };
  const operation = createOperation({
    work,
    attended: () => someoneIsThere,
    onState(state) {
      phases.push(state.phase);
      states.push(state);
    },
    onAttempt: ({ outcome }) => outcomes.push(outcome),
    onProblem: (problem) => problems.push(problem),
  });
  const reached = async (phase: string) => {
    for (let turn = 0; operation.state.phase !== phase; turn++) {
      if (turn > 1000) throw new Error(`${phase} not reached: ${phases.join(', ')}`);
      await setImmediate();
    }
  };
  return { operation, phases, problems, outcomes, states, reached, leave: () => (someoneIsThere = false) }; // prettier-ignore
}

const unready = (...names: string[]) => ({ kind: 'unready', names }) as const;

/** Lasts until it is aborted. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

describe('an operated robot', () => {
  it('is checked, goes home, runs, is judged by the person who is there, and waits for the scene', async () => {
    const { operation, phases, outcomes, reached } = operated();
    assert.equal(await operation.start(), 'an attempt begins');
    await reached('judgement');
    operation.judge('success');
    await reached('reset');
    assert.deepEqual(phases, ['checking', 'homing', 'running', 'judgement', 'reset', 'reset']);
    assert.deepEqual(outcomes, ['success']);
    operation.sceneReady();
    assert.equal(operation.state.phase, 'ready');
  });

  it('counts an attempt that ran out of time as failed where nobody is there, and goes on by itself', async () => {
    const { operation, phases, outcomes, reached } = operated({}, false);
    await operation.start(2);
    await reached('ready');
    assert.deepEqual(outcomes, ['failure', 'failure']);
    assert.ok(!phases.includes('judgement') && !phases.includes('reset'));
  });

  it('waits for the scene between the attempts of a series, and numbers them within it', async () => {
    const { operation, states, reached } = operated();
    await operation.start();
    await reached('judgement');
    operation.judge('success');
    await reached('reset');
    assert.equal(operation.state.series, undefined);
    operation.sceneReady();
    await operation.start(2);
    await reached('judgement');
    operation.judge('failure');
    await reached('reset');
    assert.deepEqual(operation.state.series, { number: 1, of: 2 });
    operation.sceneReady();
    await reached('judgement');
    assert.equal(states.at(-1)?.attempt, 3);
    assert.deepEqual(states.at(-1)?.series, { number: 2, of: 2 });
  });

  it('stays stopped until somebody resumes, and says who stopped it and why', async () => {
    let aborted: unknown;
    const { operation, reached } = operated({
      async attempt({ signal }) {
        await untilAborted(signal);
        aborted = signal.reason;
        return result('discarded');
      },
    });
    await operation.start();
    await reached('running');
    operation.stop('Ada', 'the cube fell');
    assert.deepEqual(
      [operation.state.phase, operation.state.by, operation.state.reason],
      ['stopped', 'Ada', 'the cube fell'],
    );
    assertThrowsAbout(() => operation.resume(), unready('coming to rest'));
    await operation.halt();
    assertAbout(aborted, { kind: 'ended', names: ['stopped', 'Ada'] });
    await assertRejectsAbout(operation.start(), unready('stopped', 'Ada', 'resume'));
    await assertRejectsAbout(operation.home(), unready('stopped', 'Ada', 'resume'));
    operation.resume();
    assert.equal(operation.state.phase, 'ready');
    await operation.start();
  });

  it('latches a stop before anything runs, and a second one does not change who was first, when and why', async () => {
    const { operation, states } = operated();
    operation.stop('Ada', 'the cube fell');
    operation.stop('Ben');
    await assertRejectsAbout(operation.start(), unready('Ada'));
    assert.deepEqual([operation.state.by, operation.state.reason], ['Ada', 'the cube fell']);
    assert.equal(states.length, 1);
  });

  it('shows a stop though its parts go on for a while', async () => {
    const { operation, phases } = operated({
      async prepare() {
        await setImmediate();
        await setImmediate();
      },
    });
    const started = operation.start();
    started.catch(() => undefined);
    operation.stop('Ada');
    await operation.halt();
    assert.deepEqual(phases.slice(phases.indexOf('stopped')), ['stopped', 'stopped']);
  });

  it('does at rest what is asked, while nobody can move it, and is then where it was', async () => {
    const { operation, phases, reached } = operated();
    let refusal: unknown;
    const said = operation.atRest(async () => {
      refusal = await operation.start().catch((error: unknown) => error);
      return 'it fits';
    });
    assert.equal(await said, 'it fits');
    assertAbout(refusal, unready('busy'));
    assert.deepEqual(phases, ['checking', 'ready']);
    await operation.start();
    await reached('judgement');
    await assertRejectsAbout(
      operation.atRest(() => Promise.resolve('')),
      unready('busy'),
    );
    operation.judge('success');
    await reached('reset');
    await operation.atRest(() => Promise.resolve('it fits'));
    assert.equal(operation.state.phase, 'reset', 'the scene is still to be reset');
  });

  it('begins one thing at a time, and says why something cannot begin', async () => {
    const { operation, problems, reached } = operated({
      prepare: () => Promise.reject(new UserError('the left arm says nothing')),
    });
    await assert.rejects(operation.start(), { message: 'the left arm says nothing' });
    await reached('stopped');
    assert.equal(operation.state.by, undefined, 'it is not latched');
    assert.deepEqual(problems, ['the left arm says nothing']);
    assertThrowsAbout(() => operation.judge('success'), unready('no attempt'));
    assertThrowsAbout(() => operation.discard('Anna'), unready('nothing'));
    assertThrowsAbout(() => operation.sceneReady(), unready('nobody', 'scene'));

    const busy = operated({ home: (signal) => untilAborted(signal) });
    await busy.operation.home();
    await assertRejectsAbout(busy.operation.start(), unready('busy'));
    busy.operation.interrupt();
    await busy.reached('ready');
    await busy.operation.halt();
  });

  it('discards an attempt, running or waiting for its judgement', async () => {
    const { operation, outcomes, reached } = operated();
    await operation.start();
    await reached('judgement');
    operation.discard('Anna');
    await reached('reset');
    assert.deepEqual(outcomes, ['discarded']);
  });
});
