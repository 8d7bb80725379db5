import { createOperation } from '../../control/operation.ts';
import { operationRequests } from '../../control/operationRequests.ts';
import { messageOf, unready } from '../../errors.ts';
import type { GuardEvent } from '../../guard/guardEvents.ts';
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
import { openNodeConsole, showPhase } from './nodeConsole.ts';
import { type PolicyState, countAttempt, workOf } from './policyState.ts';
import { createPolicyStatuses } from './policyStatus.ts';

/** What the operator's requests do. */
function answersOf(state: PolicyState): Answer {
  const { operation } = state;
  const { success, failure, resume, sceneReady } = operationRequests(operation);
  const demandActive = () => {
    if (!state.isActive()) throw unready('the node is not active: activate it');
  };
  return {
    async start(attempts) {
      demandActive();
      const said = await operation.start(attempts);
      return state.fits
        ? said
        : `${said}, if the policy fits the robot as it stands at its start pose`;
    },
    ...{ success, failure, resume, scene_ready: sceneReady },
    discard: () => operation.discard('hand'),
    stop: () => operation.stop('hand'),
    home() {
      demandActive();
      return operation.home();
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
    await state.console?.close();
    state.console = undefined;
    state.versions = undefined;
    await held?.close();
  };
  return {
    async configure() {
      const guarded = (event: GuardEvent) => state.console?.guarded(event);
      const configured = await configure(ros, node, parameters, { guarded });
      state.configured = configured;
      state.fits = false;
      await openNodeConsole(state, answersOf(state));
      const statuses = createPolicyStatuses(configured);
      stopDiagnostics = publishDiagnostics(ros, node, configured.calibration.name, () =>
        statuses(state.counts, lifecycle().state),
      );
    },
    async activate() {
      const configured = state.configured!;
      state.inactive = undefined;
      showPhase(state);
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
        stop: (problem) => state.operation.interrupt(problem),
      });
    },
    async deactivate() {
      await state.operation.halt();
      state.inactive = 'deactivated';
      showPhase(state);
    },
    cleanup: release,
    async shutdown() {
      await state.operation.halt();
      await release();
    },
    async onError(error) {
      await state.operation.halt();
      const problems = messageOf(error).split('\n');
      state.inactive = problems[0];
      showPhase(state);
      for (const problem of problems) state.console?.log('error', problem);
    },
    onReached(reached) {
      showPhase(state);
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
  if (count > 0) await state.operation.start(count).catch(() => undefined);
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
    inactive: undefined,
    fits: false,
    counts: undefined,
    console: undefined,
    versions: undefined,
    operation: createOperation({
      work: workOf(() => state),
      attended: () => state.console?.attended ?? false,
      onState: () => showPhase(state),
      onAttempt: (result) => countAttempt(state, result),
      onProblem(problem) {
        log.error(problem);
        state.console?.log('error', problem);
      },
    }),
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
  else
    log.info(`unconfigured, as autostart is false: ros2 lifecycle set ${node.getFullyQualifiedName()} configure`); // prettier-ignore
  return {
    async stop() {
      await lifecycle.change('shutdown');
    },
  };
}
