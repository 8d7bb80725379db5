import { UserError, invalid } from '../../errors.ts';
import { commandedBy, endEffectorPolicy } from '../../policy/endEffectorPolicy.ts';
import { isRemote, openRemotePolicy } from '../../openpi/remotePolicy.ts';
import { loadBundle } from '../../policy/bundle/bundle.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { withIntegration } from '../../policy/bundle/withIntegration.ts';
import type { ChunkPolicy } from '../../policy/chunkPolicy.ts';
import { type IntegrationChanges, parseTimes } from '../../policy/integration.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { type WorkerPolicy, openWorkerPolicy } from '../../policy/worker/workerPolicy.ts';
import { type Calibration, embodimentOf } from '../../robot/calibration.ts';
import { embodimentFault } from '../../robot/embodiment.ts';
import { type PlayedVersions, adaptersIn, onlyVersion, playedVersions } from '../../rollouts/playedVersions.ts'; // prettier-ignore
import type { SessionConfig } from '../../session/session.ts';
import type { PolicyParameters } from './policyParameters.ts';

/** What drives the robot: a bundle on this machine, or a policy on a server. */
export interface NodePolicy {
  name: string;
  readonly version: string;
  policy: ChunkPolicy;
  /** The bundle and its sampler, of which a server tells nothing. */
  own?: {
    bundle: Bundle;
    worker: WorkerPolicy;
    /** Whether it commands an arm's end effector, so that its figures are not of the robot's joints. */
    commandsEndEffector: boolean;
  };
  /** The versions that a person can have played, if there is a choice. */
  versions?: PlayedVersions;
}

/** What the parameters change of the bundle's integration. */
function integrationOf({ steps, solver, flow_times: times }: PolicyParameters): IntegrationChanges {
  const given = times === '' ? undefined : parseTimes(times);
  if (given?.some(Number.isNaN))
    throw invalid('flow_times', `'${times}' is not a list of numbers such as 1,0.4,0`);
  return {
    ...(steps > 0 && { steps }),
    ...(solver !== '' && { solver }),
    ...(given && { times: given }),
  };
}

function checkEmbodiment(
  policys: string,
  { policy, calibration }: PolicyParameters,
  robots: string,
) {
  const fault = embodimentFault(policys, robots);
  if (fault !== undefined)
    throw new UserError(`${policy} on ${calibration}: ${fault}`, {
      kind: 'mismatch',
      subject: policy,
      fields: [calibration],
    });
}

/** Parameters that a policy on a server does not read: their defaults are none. */
const OWN = ['session', 'solver', 'flow_times', 'learner', 'adapters'] as const;

async function openServed(
  parameters: PolicyParameters,
  calibration: Calibration,
): Promise<NodePolicy> {
  const unread = OWN.find((name) => parameters[name] !== '') ?? (parameters.steps > 0 && 'steps');
  if (unread)
    throw new UserError(
      `parameter ${unread} is not read with a policy on a server; leave it away, or give it to the server`,
      { kind: 'unsupported', fields: [unread] },
    );
  const robot = embodimentOf(calibration);
  const { policy: url, join } = parameters;
  const apiKey = process.env.NALU_API_KEY;
  const remote = await openRemotePolicy(url, { apiKey, robot, join });
  try {
    checkEmbodiment(remote.embodiment, parameters, calibration.name);
  } catch (error) {
    await remote.close();
    throw error;
  }
  return {
    name: remote.name,
    get version() {
      return remote.version;
    },
    policy: remote,
  };
}

async function openOwn(
  parameters: PolicyParameters,
  calibration: Calibration,
  session: SessionConfig,
  trainable: Trainable | undefined,
): Promise<NodePolicy> {
  const bundle = withIntegration(await loadBundle(parameters.policy), integrationOf(parameters));
  const commanded = commandedBy(bundle.embodiment, calibration);
  if (!commanded) checkEmbodiment(bundle.embodiment, parameters, calibration.name);
  else if (trainable)
    throw new UserError(
      `${parameters.policy} commands the end effector, and attempts are learned from by joints; leave the parameter learner away`,
      { kind: 'unsupported', subject: parameters.policy, fields: ['learner'] },
    );
  const { adapters } = parameters;
  const join = commanded ? 'swap' : parameters.join;
  const found = adapters === '' ? undefined : await adaptersIn(adapters, bundle);
  const exchanged = trainable ?? found?.trainable;
  const worker = await openWorkerPolicy(bundle, session, { trainable: exchanged, join });
  const versions = found ? playedVersions(bundle, worker, found) : onlyVersion(bundle.version);
  return {
    name: bundle.name,
    get version() {
      return versions.now;
    },
    policy: commanded ? endEffectorPolicy(worker, commanded, calibration) : worker,
    own: { bundle, worker, commandsEndEffector: commanded !== undefined },
    versions,
  };
}

/** Opens the policy that the parameters name. Throws a `UserError` for one that cannot be had or does not fit. */
export const openNodePolicy = (
  parameters: PolicyParameters,
  calibration: Calibration,
  session: SessionConfig,
  trainable: Trainable | undefined,
): Promise<NodePolicy> =>
  isRemote(parameters.policy)
    ? openServed(parameters, calibration)
    : openOwn(parameters, calibration, session, trainable);
