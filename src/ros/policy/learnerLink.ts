import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { loadTrainable } from '../../learning/fpo/config.ts';
import { type Courier, openCourier } from '../../link/robot/courier.ts';
import type { Trainable } from '../../policy/trainable.ts';
import type { WorkerPolicy } from '../../policy/worker/workerPolicy.ts';
import type { PolicyParameters } from './policyParameters.ts';
import type { Bundle } from '../../policy/bundle/config.ts';

/** What of the policy a learner may exchange; undefined without one. Throws a `UserError`. */
export async function learnable({
  learner,
  fpo,
}: PolicyParameters): Promise<Trainable | undefined> {
  return learner === '' ? undefined : loadTrainable(fpo || undefined);
}

/** The link to the learner that the parameters name: episodes go, adapters are taken over between two chunks. */
export async function openLearnerLink(
  bundle: Bundle,
  policy: WorkerPolicy,
  trainable: Trainable,
  { learner, keys, record }: PolicyParameters,
  log: (line: string) => void,
): Promise<Courier> {
  if (record === '')
    throw new UserError('parameter record: a learner learns from episodes; give a folder for them');
  return openCourier({
    episodes: record,
    adapters: join(record, 'adapters'),
    address: learner,
    keys: keys || undefined,
    policy: { ...bundle, trainable },
    onAdapter: (adapter) => policy.adopt(adapter),
    log,
  });
}
