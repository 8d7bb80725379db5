import { UserError } from '../../errors.ts';
import { trainableOf } from '../../learning/methods.ts';
import type { LearnerPlace } from '../../link/robot/learnerLink.ts';
import type { PolicyParameters } from './policyParameters.ts';

/** The learner that the parameters name, and what of the policy it may exchange; undefined without one. Throws a `UserError`. */
export async function learnerPlace({
  learner,
  keys,
  record,
  fpo,
  method,
  adapters,
}: PolicyParameters): Promise<LearnerPlace | undefined> {
  if (learner === '') return undefined;
  if (record === '')
    throw new UserError(
      'parameter record: a learner learns from episodes; give a folder for them',
      {
        kind: 'unsaid',
        fields: ['record'],
      },
    );
  if (adapters !== '')
    throw new UserError('parameter adapters: the learner says which version plays; leave one of both away', { kind: 'invalid', fields: ['adapters', 'learner'] }); // prettier-ignore
  const trainable = await trainableOf(method, fpo || undefined);
  return { learner, keys: keys || undefined, record, trainable };
}
