import { whenOrphaned } from '../../src/ros/nodeMain.ts';

/** A process that says who it is and, before it ends, that its parent has gone. */
whenOrphaned(() => {
  process.stdout.write('orphaned\n');
  process.exit();
});
process.stdout.write(`${process.pid}\n`);
setTimeout(() => process.exit(1), 20_000);
