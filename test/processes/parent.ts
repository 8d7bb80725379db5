import { openProcess } from '../../src/processes/child.ts';
import type { ServiceFunctions } from './service.ts';

/** A process that opens a service in a child, prints the child's id, and does nothing more. */
const [log] = process.argv.slice(2);
const child = await openProcess<ServiceFunctions>(new URL('./service.js', import.meta.url), {
  name: 'the child',
  data: { log },
});
process.on('SIGTERM', () => {
  void child.close().then(() => {
    console.log('closed in order');
    process.exit();
  });
});
console.log(await child.ask('pid'));
setTimeout(() => process.exit(1), 20_000);
