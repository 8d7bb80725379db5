import { existsSync } from 'node:fs';
import { loadSessionConfig } from '../session/session.ts';
import { acceleratorFindings } from './accelerators.ts';
import type { Finding } from './finding.ts';
import { libraryFindings } from './libraries.ts';
import { machineFindings } from './machine.ts';
import { policyFindings } from './policy.ts';
import { rosFindings } from './ros.ts';

export interface DoctorOptions {
  calibration?: string;
  session?: string;
  record: string;
}

/** Examines machine, libraries, accelerators, policy and ROS 2; independent parts run concurrently. */
export async function examine(
  bundle: string,
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
): Promise<Finding[]> {
  const named = options.session
    ? (await loadSessionConfig(options.session)).executionProviders
    : [];
  const hasRos = Boolean(env.AMENT_PREFIX_PATH);
  const policy = await policyFindings(bundle);
  const [machine, libraries, ros, accelerators] = await Promise.all([
    machineFindings(options.record, hasRos),
    libraryFindings(),
    rosFindings(options.calibration, env),
    acceleratorFindings(named, existsSync('/etc/nv_tegra_release'), policy.sampling),
  ]);
  return [...machine, ...libraries, ...accelerators, ...policy.findings, ...ros];
}
