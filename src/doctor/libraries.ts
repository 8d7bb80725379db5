import { REINSTALL } from '../terminal/invocation.ts';
import { findingsOf, needed } from './finding.ts';
import { probe } from './probe.ts';
import type { Probes } from './probeMain.ts';
import { type Finding } from './finding.ts';

const { ok, lack } = findingsOf('libraries');

/** Libraries with native code or WebAssembly, with a description of each probe's result. */
const LIBRARIES = [
  { name: 'mujoco', title: 'MuJoCo', describe: (version) => `${version}, a body falls` },
  { name: 'sharp', title: 'sharp', describe: (version) => `${version}, an image is resized` },
  { name: 'zeromq', title: 'ZeroMQ', describe: (version) => `${version}, a message came over TCP` },
  {
    name: 'msgpackr',
    title: 'msgpackr',
    describe: (isNative) => (isNative ? 'with its native part' : 'in JavaScript, which does too'),
  },
] as const satisfies readonly {
  name: keyof Probes;
  title: string;
  describe: (value: string | boolean) => string;
}[];

/** Tests each library by using it. */
export const libraryFindings = (): Promise<Finding[]> =>
  Promise.all(
    LIBRARIES.map(async ({ name, title, describe }) => {
      const { value, error } = await probe(name);
      return needed(
        error === undefined
          ? ok(title, describe(value!))
          : lack(title, `does not work: ${error}`, REINSTALL),
      );
    }),
  );
