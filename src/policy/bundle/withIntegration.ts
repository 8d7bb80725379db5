import { UserError, invalid } from '../../errors.ts';
import { type IntegrationChanges, integrationFaults, withChanges } from '../integration.ts';
import type { Bundle } from './config.ts';

/**
 * A bundle whose flow is integrated as the changes say; itself if there are none. Its version stays: each
 * chunk records how it was integrated. Throws a `UserError` for a policy without a flow, and for steps, solver
 * and times that do not fit each other.
 */
export function withIntegration<B extends Pick<Bundle, 'folder' | 'family' | 'integration'>>(
  bundle: B,
  { steps, solver, times }: IntegrationChanges,
): B {
  if (steps === undefined && solver === undefined && times === undefined) return bundle;
  const { folder, family } = bundle;
  if (!bundle.integration)
    throw new UserError(
      `${folder}: a policy of the family ${family} has no flow to integrate; leave steps, solver and times away`,
      { kind: 'unsupported', subject: folder, fields: ['steps', 'solver', 'times'] },
    );
  const integration = withChanges(bundle.integration, { steps, solver, times });
  const [fault] = integrationFaults(integration);
  if (fault) throw invalid(folder, `${fault.field} ${fault.message}`, fault.field);
  return { ...bundle, integration };
}
