import { REINSTALL } from '../terminal/invocation.ts';
import { findingsOf, needed } from './finding.ts';
import { probe } from './probe.ts';
import type { Probes } from './probeMain.ts';
import { type Finding } from './finding.ts';

const { ok, lack } = findingsOf('libraries');

/** Libraries with native code or WebAssembly, what each is for, and how what it says is read. */
const LIBRARIES = [
  { name: 'mujoco', title: 'MuJoCo', says: (version) => `${version}, a body falls` },
  { name: 'sharp', title: 'sharp', says: (version) => `${version}, an image is resized` },
  { name: 'zeromq', title: 'ZeroMQ', says: (version) => `${version}, a message came over TCP` },
  {
    name: 'msgpackr',
    title: 'msgpackr',
    says: (isNative) => (isNative ? 'with its native part' : 'in JavaScript, which does too'),
  },
] as const satisfies readonly {
  name: keyof Probes;
  title: string;
  says: (value: string | boolean) => string;
}[];

/** Whether each library works, by using it. */
export const libraryFindings = (): Promise<Finding[]> =>
  Promise.all(
    LIBRARIES.map(async ({ name, title, says }) => {
      const { value, error } = await probe(name);
      return needed(
        error === undefined
          ? ok(title, says(value!))
          : lack(title, `does not work: ${error}`, REINSTALL),
      );
    }),
  );
