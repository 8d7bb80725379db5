import { describePrecision } from '../policy/bundle/precision.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { WorkerPolicy } from '../policy/worker/workerPolicy.ts';
import type { SessionConfig } from '../session/session.ts';
import type { PolicyDescription } from './protocol.ts';

/** Describes a bundle that runs on this machine to the pages. */
export const describeBundle = (
  { name, version, family, integration, precision }: Bundle,
  { horizon, executeSteps, join = 'swap', executionProviders }: WorkerPolicy,
  session: SessionConfig,
): PolicyDescription => ({
  ...{ name, version, family, horizon, executeSteps, join },
  ...(integration && { steps: integration.steps, solver: integration.solver }),
  providers: [...executionProviders],
  precision: describePrecision(precision, session),
  versions: [version],
});

/** Describes a policy that a server at this address runs. */
export const describeServed = (
  { name, version }: { name: string; version: string },
  { horizon, executeSteps, join = 'swap' }: ChunkPolicy,
  url: string,
): PolicyDescription => ({
  ...{ name, version, family: 'on a server', horizon, executeSteps, join },
  ...{ providers: [url], precision: "the server's", versions: [] },
});
