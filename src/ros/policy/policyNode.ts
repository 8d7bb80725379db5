import { UserError } from '../../errors.ts';
import { goFirst } from '../../processes/priority.ts';
import { publishDiagnostics } from '../diagnostics.ts';
import { type Lifecycle, type TransitionWork, createLifecycle } from '../lifecycle.ts';
import type { Running } from '../nodeMain.ts';
import { declareParameters } from '../parameters.ts';
import type { Ros, RosNode } from '../rclnodejs.ts';
import { awaitSingleSources, awaitTopics, checkAlone } from '../topics.ts';
import { watchRobot } from '../watch.ts';
import { configure } from './configured.ts';
import { listenToKeys, terminalOfKeys } from './keyPresses.ts';
import { type Answer, createOperator, listenToText } from './operator.ts';
import { checkModes } from './policyAttempt.ts';
import { POLICY_PARAMETERS } from './policyParameters.ts';
import { type PolicyState, attempts, begin, goingHome, halt } from './policyState.ts';
import { createPolicyStatuses } from './policyStatus.ts';

/** What the operator's requests do. */
function answersOf(state: PolicyState): Answer {
  const decide = (verdict: 'success' | 'failure') => () => {
    if (!state.activity) throw new UserError('no attempt is running');
    state.activity.verdict = verdict;
    return verdict;
  };
  const interrupt = (effect: string) => () => {
    if (!state.activity) throw new UserError('nothing is running');
    state.activity.abort.abort();
    return effect;
  };
  return {
    start: async () => {
      await begin(state, attempts(state, 1));
      return state.fits
        ? 'an attempt begins'
        : 'an attempt begins, if the policy fits the robot as it stands at its start pose';
    },
    success: decide('success'),
    failure: decide('failure'),
    discard: interrupt('the attempt is discarded; the robot holds'),
    stop: interrupt('the robot holds'),
    home: async () => {
      await begin(state, goingHome(state));
      return 'the arms go to their start pose';
    },
  };
}

/** What the node does on its way from one lifecycle state to another. */
function transitionWork(ros: Ros, state: PolicyState, lifecycle: () => Lifecycle): TransitionWork {
  const { node, parameters, warnOnce } = state;
  const log = node.getLogger();
  let stopDiagnostics = () => {};
  let stopWatching = () => {};
  const release = async () => {
    stopDiagnostics();
    stopWatching();
    const held = state.configured;
    state.configured = undefined;
    await held?.close();
  };
  return {
    async configure() {
      const configured = await configure(ros, node, parameters);
      state.configured = configured;
      state.fits = false;
      const statuses = createPolicyStatuses(configured);
      stopDiagnostics = publishDiagnostics(ros, node, configured.calibration.name, () =>
        statuses(state.counts, lifecycle().state),
      );
    },
    async activate() {
      const configured = state.configured!;
      const { robot, commands } = configured;
      await awaitTopics(node, robot, new AbortController().signal);
      await awaitSingleSources(node, robot);
      checkAlone(node, commands);
      await checkModes(node, configured, parameters, warnOnce);
      stopWatching();
      stopWatching = watchRobot({
        node,
        robot,
        commands,
        onProblem: (problem) => log.warn(problem),
        stop: (problem) => state.activity?.abort.abort(problem),
      });
    },
    deactivate: () => halt(state),
    cleanup: release,
    async shutdown() {
      await halt(state);
      await release();
    },
    onError: () => halt(state),
    onReached(reached) {
      if (reached === 'active')
        log.info(
          `ready: ros2 service call ${node.getFullyQualifiedName()}/start std_srvs/srv/Trigger begins an attempt`,
        );
    },
  };
}

/** Takes what the operator asks and says, by services, topics, and keys where there is a terminal. */
function listenToOperator(ros: Ros, state: PolicyState): void {
  const { node, parameters, choice } = state;
  const log = node.getLogger();
  const ask = createOperator(ros, node, parameters.outcome_topic, answersOf(state));
  const terminal = terminalOfKeys();
  if (terminal) listenToKeys(terminal, ask, (text) => log.info(text));
  for (const field of ['prompt', 'task'] as const)
    listenToText(ros, node, `~/${field}`, (text) => {
      choice[field] = text;
      log.info(`${field} of the next attempt: ${text}`);
    });
}

/** Takes the node to where its parameters want it. What fails is logged where it happens. */
async function autostart(state: PolicyState, lifecycle: Lifecycle): Promise<void> {
  if (!(await lifecycle.change('configure'))) return;
  if (!(await lifecycle.change('activate'))) return;
  const { attempts: count } = state.parameters;
  if (count > 0) await begin(state, attempts(state, count)).catch(() => undefined);
}

/** The policy's node: a managed node that runs attempts when it is active. */
export function startPolicyNode(ros: Ros, node: RosNode): Running {
  const parameters = declareParameters(ros, node, POLICY_PARAMETERS);
  const log = node.getLogger();
  const behind = goFirst();
  if (behind !== undefined)
    log.warn(`the control loop waits like everything else (${behind}); docs/deploying.md says how to put it first`); // prettier-ignore
  const warned = new Set<string>();
  const state: PolicyState = {
    node,
    parameters,
    isActive: () => lifecycle.state === 'active',
    warnOnce(text) {
      if (!warned.has(text)) log.warn(text);
      warned.add(text);
    },
    configured: undefined,
    fits: false,
    activity: undefined,
    counts: undefined,
    tally: { attempts: 0, successes: 0 },
    choice: {},
    seed: parameters.seed,
  };
  const lifecycle: Lifecycle = createLifecycle(
    ros,
    node,
    transitionWork(ros, state, () => lifecycle),
  );
  listenToOperator(ros, state);
  if (parameters.autostart) void autostart(state, lifecycle);
  return {
    async stop() {
      await lifecycle.change('shutdown');
    },
  };
}
