import type { PolicyDescription } from '../src/console/protocol.ts';
import { describeBundle } from '../src/console/describePolicy.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { whenLeftAlone } from '../src/processes/exits.ts';
import { operate } from '../src/rollouts/operated.ts';
import { onlyVersion } from '../src/rollouts/playedVersions.ts';
import { loadSessionConfig } from '../src/session/session.ts';
import { type SimulatedAlohaOptions, simulatedAloha } from '../src/sim/simulatedAloha.ts';

/*
 * A simulated robot in real time with a console at a free port. Tells its parent the console's address and when each
 * command was sent after a stop.
 */
const scene: SimulatedAlohaOptions = { task: 'transfer-cube', realTime: true };
const sim = await simulatedAloha(scene);
const session = await loadSessionConfig(undefined);
const bundle = await loadBundle(packagePath('models/aloha-mini-12k'));
const policy = await openWorkerPolicy(bundle, session);
const tell = (message: object) => void process.send!(message);
/** Milliseconds that processes of this machine count alike. */
const now = () => performance.timeOrigin + performance.now();
whenLeftAlone(() => process.exit());

let pressed = 0;
const description: PolicyDescription = describeBundle(bundle, policy, session);
await operate({
  access: { host: '127.0.0.1' },
  port: 0,
  addresses(url) {
    tell({ url });
    return [];
  },
  sim: {
    ...sim,
    command(positions) {
      if (pressed > 0) tell({ braking: now() - pressed });
      pressed = pressed > 0 ? -1 : pressed;
      sim.command(positions);
    },
  },
  ...{ scene, policy, description, versions: onlyVersion(bundle.version), seed: 0 },
  recorder: () => Promise.resolve(undefined),
  // The reason of a stop is when it was pressed.
  onState({ phase, reason }) {
    if (phase === 'ready') pressed = 0;
    if (phase === 'stopped' && pressed === 0) pressed = Number(reason);
  },
  err: process.stderr,
  signal: new AbortController().signal,
});
