import { verdictOf } from '../../check/report.ts';
import { consoleAccess } from '../../console/consoleAccess.ts';
import { describeBundle, describeServed } from '../../console/describePolicy.ts';
import type { PolicyDescription, SensorLine } from '../../console/protocol.ts';
import { type RunFigures, openRobotConsole } from '../../console/robotConsole.ts';
import { operationRequests } from '../../control/operationRequests.ts';
import { messageOf } from '../../errors.ts';
import { type OperatedVersions, operatedVersions } from '../../rollouts/operatedVersions.ts';
import { isRemote } from '../../openpi/remotePolicy.ts';
import type { PolicyParameters } from './policyParameters.ts';
import type { Answer } from './operator.ts';
import { checkTopics } from '../topics.ts';
import type { Configured } from './configured.ts';
import { type PolicyState, examineFit, nextTask } from './policyState.ts';
import { ageOf, createRates, versionOf } from './policyStatus.ts';

/** The policy of a configured node, for the pages. */
function describePolicy(held: Configured, url: string): PolicyDescription {
  const { driver, session } = held;
  const { own, name, policy } = driver;
  const version = versionOf(held);
  return own
    ? { ...describeBundle(own.bundle, own.worker, session), version }
    : describeServed({ name, version }, policy, url);
}

/** What of a node's run the pages show. */
function createFigures(state: PolicyState, { courier }: Configured) {
  return (): RunFigures => {
    const { missedSteps = 0, heldSteps = 0, starvedSteps = 0 } = state.counts ?? {};
    const link = courier?.status();
    return {
      ...{ missedSteps, heldSteps, starvedSteps },
      ...(link && {
        link: {
          connected: link.connected,
          pending: link.pending,
          delivered: link.acknowledged,
          ...(link.lastError !== null && { problem: link.lastError }),
        },
      }),
    };
  };
}

/** How a node's topics come. */
function createSensors({ robot }: Configured) {
  const rateOf = createRates();
  return (): SensorLine[] => {
    const now = robot.clock.now();
    return robot.topics.map((count) => ({
      name: `${count.source} on ${count.topic}`,
      rate: rateOf(count),
      age: 1000 * ageOf(count, now),
      ...(count.problem !== undefined && { problem: count.problem }),
    }));
  };
}

/** What the doctor is to look at. */
const doctorOf = ({ policy, calibration, session, record }: PolicyParameters) => [
  ...(isRemote(policy) ? [] : [policy]),
  ...['--calibration', calibration],
  ...(session === '' ? [] : ['--session', session]),
  ...(record === '' ? [] : ['--record', record]),
];

/** The versions that a person can have played and compared; undefined where there is no choice. */
function versionsOf(
  state: PolicyState,
  configured: Configured,
  answer: Answer,
): OperatedVersions | undefined {
  const { versions } = configured.driver;
  if (!versions || versions.all.length < 2) return undefined;
  const { operation, parameters } = state;
  return operatedVersions({
    ...{ versions, description: describePolicy(configured, parameters.policy) },
    ...(parameters.record !== '' && { record: parameters.record }),
    operation: () => ({
      state: operation.state,
      start: answer.start,
      halt: () => operation.halt(),
    }),
    console: () => state.console!,
    onChange: () => showPhase(state),
  });
}

/** Opens the console of a configured node, if its parameters ask for one. */
export async function openNodeConsole(state: PolicyState, answer: Answer): Promise<void> {
  const { node, parameters, operation, choice } = state;
  const { console: port, console_host: host, console_tls: tls, record } = parameters;
  if (port === 0) return;
  const configured = state.configured!;
  const { robot, calibration, driver, meters } = configured;
  const log = (line: string) => node.getLogger().info(line);
  const { access, addresses } = await consoleAccess(host, tls || undefined, process.env);
  const versions = versionsOf(state, configured, answer);
  const console = await openRobotConsole({
    ...{ access, port, robot, log, ...(record !== '' && { record }) },
    onLabel() {
      configured.courier?.notify();
      versions?.relabelled().catch((error: unknown) => log(messageOf(error)));
    },
    simulated: false,
    doctor: doctorOf(parameters),
    tasks: Object.entries(calibration.tasks ?? {}).map(([name, prompt]) => ({ name, prompt })),
    cameras: driver.policy.cameras,
    policy: () => versions?.describe() ?? describePolicy(configured, parameters.policy),
    reading: () => meters.reading(),
    figures: createFigures(state, configured),
    sensors: createSensors(configured),
    async picture(camera) {
      const now = robot.clock.now();
      const preview = await robot.preview(camera);
      if (!preview) return undefined;
      const { stamp, jpeg } = preview;
      return { at: Date.now(), age: Number(now - stamp) / 1e6, camera, jpeg };
    },
    answers: {
      ...versions?.answers,
      ...operationRequests(operation),
      start: ({ attempts }) => answer.start(versions ? versions.toMake(attempts) : attempts),
      home: answer.home,
      check: () =>
        operation.atRest(async () => {
          checkTopics(node, robot);
          return verdictOf(await examineFit(state));
        }),
      task({ name }) {
        choice.task = name;
        showPhase(state);
        return `the next attempt is ${name}`;
      },
      prompt({ text }) {
        choice.prompt = text;
        showPhase(state);
        return `the next attempt is prompted: ${text}`;
      },
    },
    stop: (by, reason) => operation.stop(by, reason),
  });
  for (const address of addresses(console.url)) log(`console at ${address}`);
  console.robot.observe({ joints: () => undefined, frame: () => undefined });
  state.console = console;
  state.versions = versions;
  await versions?.open();
}

/** The phase of a node that is not active, with what to do where it does not become so by itself. */
function phaseOfInactive({ node, inactive }: PolicyState) {
  const remedy = `ros2 lifecycle set ${node.getFullyQualifiedName()} activate`;
  const reason = inactive === undefined ? {} : { reason: `${inactive}; then: ${remedy}` };
  return { phase: 'connecting' as const, attempt: 0, ...reason };
}

/** Shows the phase that the node is in. */
export function showPhase(state: PolicyState): void {
  const { console, configured, operation, parameters, versions } = state;
  if (!console || !configured) return;
  const { name: task, prompt } = nextTask(state, configured);
  const phase = state.isActive() ? operation.state : phaseOfInactive(state);
  console.phase({ ...phase, ...versions?.comparison, task, prompt, seconds: parameters.seconds });
}
