import { UserError, messageOf, unready } from '../errors.ts';
import type { Outcome } from '../episodes/episode.ts';
import { whyAborted } from './abort.ts';
import type { AttemptResult } from './attempt.ts';

/** What a person says of an attempt. */
export type Verdict = 'success' | 'failure' | undefined;

/** Which phase an operation is in. */
export type OperationPhase =
  'ready' | 'checking' | 'homing' | 'running' | 'judgement' | 'reset' | 'stopped';

export interface OperationState {
  phase: OperationPhase;
  /** Attempts begun. */
  attempt: number;
  /** Which attempt of its series it is, and of how many; absent in a series of one. */
  series?: { number: number; of: number };
  /** Why it stopped. */
  reason?: string;
  /** Who stopped it; it then stays stopped until somebody resumes. */
  by?: string;
}

/** What is done on a robot; an aborted `signal` ends each part with the arms at rest. */
export interface OperationWork {
  /** Makes sure, before anything moves, that the robot may. Throws a `UserError` where it may not. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Takes the arms to their start pose. */
  home(signal: AbortSignal): Promise<void>;
  /** Makes sure, at the start pose, that the policy fits the robot. Throws a `UserError` where it does not. */
  check?(signal: AbortSignal): Promise<void>;
  /** Runs an attempt; `verdict` is what a person has said of it. */
  attempt(options: {
    verdict: () => Verdict;
    /** Waits for a person's judgement of an attempt that ran out of time; a failure where nobody is there. */
    judgement: () => Promise<Outcome>;
    signal: AbortSignal;
  }): Promise<AttemptResult>;
}

export interface OperationOptions {
  work: OperationWork;
  /** Whether a person is there who judges attempts and resets the scene. */
  attended: () => boolean;
  /** Called with each new state. */
  onState: (state: OperationState) => void;
  /** Called with each finished attempt. */
  onAttempt: (result: AttemptResult) => void;
  /** Called with what ended a job early. */
  onProblem: (problem: string) => void;
}

/** What a person can ask for; each says what it did, or throws a `UserError` that says why not. */
export interface Operation {
  readonly state: OperationState;
  /** Begins so many attempts, one after the other. Resolves when nothing is in the way of the first motion. */
  start(attempts?: number): Promise<string>;
  /** Takes the arms to their start pose. */
  home(): Promise<string>;
  /** Does what needs a robot at rest, and keeps others from moving it meanwhile. Gives what that says. */
  atRest(job: (signal: AbortSignal) => Promise<string>): Promise<string>;
  judge(verdict: 'success' | 'failure'): string;
  /** Ends what is being done; an attempt does not count. */
  discard(by: string): string;
  /** Brakes the arms to rest, and allows no motion until `resume`. Who was first and why stays. */
  stop(by: string, reason?: string): string;
  resume(): string;
  sceneReady(): string;
  /** Ends what is being done with this problem, without keeping it stopped. */
  interrupt(problem?: UserError): void;
  /** Ends what is being done. Resolves when the arms are at rest. */
  halt(): Promise<void>;
}

/** What a job waits for from a person: the judgement of an attempt, or a scene that is reset. */
interface Waiting {
  phase: 'judgement' | 'reset';
  answer: (answer: Outcome) => void;
}

/** A job that is under way. */
interface Activity {
  abort: AbortController;
  verdict: Verdict;
  waiting?: Waiting;
  done: Promise<void>;
}

type Job = (begun: Activity, prepared: () => void) => Promise<void>;

/** The state of an operation, and the one job that may be under way. */
function createMachine({ onState, onProblem }: Pick<OperationOptions, 'onState' | 'onProblem'>) {
  let state: OperationState = { phase: 'ready', attempt: 0 };
  let activity: Activity | undefined;

  /** Enters a phase, unless somebody has stopped the robot. */
  const enter = (phase: OperationPhase, more: Partial<OperationState> = {}) => {
    const { attempt, series, reason, by } = state;
    if (by !== undefined && phase !== 'stopped') return;
    const kept = phase === 'stopped' ? { reason, by } : {};
    state = { phase, attempt, series, ...kept, ...more };
    onState(state);
  };
  const end = (begun: Activity, error: unknown): UserError => {
    activity = undefined;
    const { signal } = begun.abort;
    const isAsked = error === undefined || error === signal.reason;
    const reason = isAsked ? undefined : messageOf(error);
    if (reason !== undefined) onProblem(reason);
    if (state.by !== undefined) enter('stopped');
    else if (reason !== undefined) enter('stopped', { reason });
    else enter(state.phase === 'reset' ? 'reset' : 'ready');
    return new UserError(reason ?? whyAborted(signal).message, { cause: error });
  };

  return {
    get state() {
      return state;
    },
    get activity() {
      return activity;
    },
    change: (more: Partial<OperationState>) => void (state = { ...state, ...more }),
    enter,
    /** Waits for a person, or until the job is ended. */
    ask: (begun: Activity, phase: Waiting['phase']) =>
      new Promise<Outcome>((resolve) => {
        const answer: Waiting['answer'] = (given) => {
          begun.waiting = undefined;
          resolve(given);
        };
        begun.abort.signal.addEventListener('abort', () => answer('discarded'), { once: true });
        begun.waiting = { phase, answer };
        enter(phase);
      }),
    /** Begins a job. Resolves when it is prepared, and rejects where it ends before that. */
    begin(job: Job): Promise<void> {
      if (state.by !== undefined)
        throw unready(`the robot was stopped by ${state.by}: resume first`);
      if (activity) throw unready('the robot is busy; stop it first');
      const abort = new AbortController();
      const begun: Activity = { abort, verdict: undefined, done: Promise.resolve() };
      activity = begun;
      return new Promise((prepared, refused) => {
        const over = (error?: unknown) => refused(end(begun, error));
        begun.done = job(begun, () => prepared()).then(() => over(), over);
      });
    },
  };
}

type Machine = ReturnType<typeof createMachine>;

/** The job of so many attempts, one after the other. */
function attempts(machine: Machine, options: OperationOptions, count: number): Job {
  const { work, attended, onAttempt } = options;
  return async (begun, prepared) => {
    const { signal } = begun.abort;
    for (let made = 0; made < count && !signal.aborted; made++) {
      begun.verdict = undefined;
      const series = count > 1 ? { number: made + 1, of: count } : undefined;
      machine.change({ attempt: machine.state.attempt + 1, series });
      machine.enter('checking');
      await work.prepare(signal);
      prepared();
      machine.enter('homing');
      await work.home(signal);
      if (signal.aborted) return;
      await work.check?.(signal);
      machine.enter('running');
      const judgement = (): Promise<Outcome> =>
        attended() ? machine.ask(begun, 'judgement') : Promise.resolve('failure');
      onAttempt(await work.attempt({ verdict: () => begun.verdict, judgement, signal }));
      if (signal.aborted || !attended()) continue;
      if (made + 1 < count) await machine.ask(begun, 'reset');
      else machine.enter('reset');
    }
  };
}

/** The job of going to the start pose. */
const goingHome =
  (machine: Machine, { work }: OperationOptions): Job =>
  async ({ abort: { signal } }, prepared) => {
    machine.enter('checking');
    await work.prepare(signal);
    prepared();
    machine.enter('homing');
    await work.home(signal);
  };

/** A job that moves nothing; the phase is then as before. */
const resting =
  (machine: Machine, job: (signal: AbortSignal) => Promise<void>): Job =>
  async ({ abort: { signal } }, prepared) => {
    const { phase } = machine.state;
    machine.enter('checking');
    await job(signal);
    if (phase === 'reset') machine.enter('reset');
    prepared();
  };

/** Operates a robot: one job at a time, a stop that latches, and the phases that a person sees. */
export function createOperation(options: OperationOptions): Operation {
  const machine = createMachine(options);
  const demandActivity = (what: string): Activity => {
    if (!machine.activity) throw unready(what);
    return machine.activity;
  };
  return {
    get state() {
      return machine.state;
    },
    async start(count = 1) {
      await machine.begin(attempts(machine, options, count));
      return count > 1 ? `${count} attempts begin` : 'an attempt begins';
    },
    async home() {
      await machine.begin(goingHome(machine, options));
      return 'the arms go to their start pose';
    },
    async atRest(job) {
      let says = '';
      await machine.begin(resting(machine, async (signal) => void (says = await job(signal))));
      return says;
    },
    judge(verdict) {
      const begun = demandActivity('no attempt is running');
      if (begun.waiting?.phase === 'judgement') begun.waiting.answer(verdict);
      else begun.verdict = verdict;
      return verdict;
    },
    discard(by) {
      const begun = demandActivity('nothing is running');
      if (begun.waiting?.phase === 'judgement') begun.waiting.answer('discarded');
      else begun.abort.abort(new UserError(`discarded by ${by}`, { kind: 'ended' }));
      return 'the attempt is discarded; the robot holds';
    },
    stop(by, reason) {
      const { by: first } = machine.state;
      if (first !== undefined) return `the robot holds already: ${first} stopped it`;
      machine.change({ by, reason });
      machine.activity?.abort.abort(new UserError(`stopped by ${by}`, { kind: 'ended' }));
      machine.enter('stopped');
      return 'the robot holds until somebody resumes';
    },
    resume() {
      const { by, phase } = machine.state;
      if (by === undefined && phase !== 'stopped') throw unready('the robot is not stopped');
      if (machine.activity)
        throw unready('the arms are still coming to rest; resume when they are');
      machine.change({ by: undefined, reason: undefined });
      machine.enter('ready');
      return 'the robot may move again';
    },
    sceneReady() {
      const { activity, state } = machine;
      if (activity?.waiting?.phase === 'reset') activity.waiting.answer('success');
      else if (!activity && state.phase === 'reset') machine.enter('ready');
      else throw unready('nobody waits for the scene');
      return 'the scene is ready';
    },
    interrupt: (problem) => machine.activity?.abort.abort(problem),
    async halt() {
      const { activity } = machine;
      activity?.abort.abort();
      await activity?.done;
    },
  };
}
