import { UserError, messageOf } from '../../errors.ts';
import { goFirst } from '../../processes/priority.ts';
import type { AttemptResult } from '../../control/attempt.ts';
import { readingTable } from '../../measure/meters.ts';
import { type Configured, configure } from './configured.ts';
import { publishDiagnostics } from '../diagnostics.ts';
import { listenToKeys, terminalOfKeys } from './keyPresses.ts';
import { createLifecycle } from '../lifecycle.ts';
import type { Running } from '../nodeMain.ts';
import { type Answer, createOperator, listenToText } from './operator.ts';
import { declareParameters } from '../parameters.ts';
import {
  type Verdict,
  attemptOnce,
  checkFit,
  checkModes,
  goHome,
  prepare,
} from './policyAttempt.ts';
import { POLICY_PARAMETERS } from './policyParameters.ts';
import { createPolicyStatuses } from './policyStatus.ts';
import type { Ros, RosNode } from '../rclnodejs.ts';
import { awaitSingleSources, awaitTopics, checkAlone } from '../topics.ts';
import { watchRobot } from '../watch.ts';
import type { LoopCounts } from '../../control/loopOptions.ts';

/** What an active node is doing. */
interface Activity {
  abort: AbortController;
  verdict: Verdict;
  /** To be called when nothing is in the way of its first motion. */
  prepared: () => void;
  done: Promise<void>;
}

const said = ({ outcome, steps, starvedSteps, chunks, problem }: AttemptResult) =>
  `${outcome}, ${steps} steps${starvedSteps > 0 ? `, ${starvedSteps} of them at rest for want of rows` : ''}, ${chunks} chunks${problem ? `: ${problem.message}` : ''}`;

/** The policy's node: a managed node that runs attempts when it is active. */
export function startPolicyNode(ros: Ros, node: RosNode): Running {
  const parameters = declareParameters(ros, node, POLICY_PARAMETERS);
  const log = node.getLogger();
  const behind = goFirst();
  if (behind !== undefined)
    log.warn(`the control loop waits like everything else (${behind}); docs/deploying.md says how to put it first`); // prettier-ignore
  let configured: Configured | undefined;
  /** Whether the configured policy was found to fit the robot. */
  let fits = false;
  let activity: Activity | undefined;
  let counts: LoopCounts | undefined;
  const tally = { attempts: 0, successes: 0 };
  const words: { prompt?: string; task?: string } = {};
  let seed = parameters.seed;
  let stopDiagnostics = () => {};
  let stopWatching = () => {};
  const told = new Set<string>();
  const tellOnce = (text: string) => {
    if (!told.has(text)) log.warn(text);
    told.add(text);
  };

  /**
   * Runs a job of the active node; one at a time. Resolves when it is prepared and goes on by itself, and
   * rejects where it cannot begin.
   */
  const begin = (job: (activity: Activity) => Promise<void>): Promise<void> => {
    if (lifecycle.state !== 'active') throw new UserError('the node is not active: activate it');
    if (activity) throw new UserError('the robot is busy; stop it first');
    return new Promise((prepared, refused) => {
      const begun: Activity = {
        abort: new AbortController(),
        verdict: undefined,
        prepared,
        done: Promise.resolve(),
      };
      activity = begun;
      begun.done = job(begun)
        .catch((error: unknown) => {
          log.error(messageOf(error));
          refused(new UserError(messageOf(error), { cause: error }));
        })
        .finally(() => (activity = undefined));
    });
  };

  /** What each job does before it moves anything. */
  const ready = async (held: Configured, begun: Activity) => {
    await prepare(node, held, parameters, tellOnce, begun.abort.signal);
    begun.prepared();
  };

  const attempt = async (held: Configured, begun: Activity) => {
    const { signal } = begun.abort;
    const prompt = words.prompt ?? parameters.prompt;
    await ready(held, begun);
    await goHome(held, parameters, signal);
    if (signal.aborted) return;
    if (!fits) await checkFit(held, parameters, prompt, (text) => log.warn(text));
    fits = true;
    const result = await attemptOnce(held, {
      parameters,
      task: words.task ?? parameters.task,
      prompt,
      seed: seed++,
      verdict: () => begun.verdict,
      warn: (text) => log.warn(text),
      onChunk: (now) => (counts = now),
      signal,
    });
    held.courier?.notify();
    if (result.outcome !== 'discarded') {
      tally.attempts += 1;
      tally.successes += Number(result.success);
    }
    log.info(`attempt ${tally.attempts}: ${said(result)}; ${tally.successes} succeeded`);
    for (const line of readingTable(held.meters.reading())) log.info(line);
  };

  const attempts = (count: number) => async (begun: Activity) => {
    for (let i = 0; i < count && !begun.abort.signal.aborted; i++) {
      begun.verdict = undefined;
      await attempt(configured!, begun);
    }
  };

  const decide = (verdict: 'success' | 'failure') => () => {
    if (!activity) throw new UserError('no attempt is running');
    activity.verdict = verdict;
    return verdict;
  };
  const interrupt = (what: string) => () => {
    if (!activity) throw new UserError('nothing is running');
    activity.abort.abort();
    return what;
  };
  const answer: Answer = {
    start: async () => {
      await begin(attempts(1));
      return fits
        ? 'an attempt begins'
        : 'an attempt begins, if the policy fits the robot as it stands at its start pose';
    },
    success: decide('success'),
    failure: decide('failure'),
    discard: interrupt('the attempt is discarded; the robot holds'),
    stop: interrupt('the robot holds'),
    home: async () => {
      await begin(async (begun) => {
        await ready(configured!, begun);
        await goHome(configured!, parameters, begun.abort.signal);
      });
      return 'the arms go to their start pose';
    },
  };

  const halt = async () => {
    activity?.abort.abort();
    await activity?.done;
  };
  const release = async () => {
    stopDiagnostics();
    stopWatching();
    const held = configured;
    configured = undefined;
    await held?.close();
  };

  const lifecycle = createLifecycle(ros, node, {
    async configure() {
      configured = await configure(ros, node, parameters);
      fits = false;
      const statuses = createPolicyStatuses(configured);
      stopDiagnostics = publishDiagnostics(ros, node, configured.calibration.name, () =>
        statuses(counts, lifecycle.state),
      );
    },
    async activate() {
      const { robot, commands } = configured!;
      await awaitTopics(node, robot, new AbortController().signal);
      await awaitSingleSources(node, robot);
      checkAlone(node, commands);
      await checkModes(node, configured!, parameters, tellOnce);
      stopWatching();
      stopWatching = watchRobot({
        node,
        robot,
        commands,
        tell: (problem) => log.warn(problem),
        stop: (problem) => activity?.abort.abort(problem),
      });
    },
    deactivate: halt,
    cleanup: release,
    async shutdown() {
      await halt();
      await release();
    },
    onError: halt,
    onReached(state) {
      if (state === 'active')
        log.info(
          `ready: ros2 service call ${node.getFullyQualifiedName()}/start std_srvs/srv/Trigger begins an attempt`,
        );
    },
  });
  const ask = createOperator(ros, node, parameters.outcome_topic, answer);
  const terminal = terminalOfKeys();
  if (terminal) listenToKeys(terminal, ask, (text) => log.info(text));
  for (const word of ['prompt', 'task'] as const)
    listenToText(ros, node, `~/${word}`, (text) => {
      words[word] = text;
      log.info(`${word} of the next attempt: ${text}`);
    });

  if (parameters.autostart)
    void (async () => {
      if (!(await lifecycle.change('configure'))) return;
      if (!(await lifecycle.change('activate'))) return;
      if (parameters.attempts > 0) await begin(attempts(parameters.attempts));
    })().catch(() => undefined); // told where it happened
  return {
    async stop() {
      await lifecycle.change('shutdown');
    },
  };
}
