import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import { openLearnerPort } from '../../src/link/learner/learnerPort.ts';
import { writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { BASE, policy, randomAdapter } from './link.ts';

/**
 * A learner that publishes an adapter every 100 ms until it is killed, and says what it could not publish:
 * node learnerMain.js FOLDER ADDRESS
 */
const [folder, address] = process.argv.slice(2);
const port = await openLearnerPort({
  folder,
  address,
  policy,
  onEpisode: () => undefined,
  log: (line) => console.log(line),
});
console.log('open');
for (let parent = BASE; ; await new Promise((resolve) => setTimeout(resolve, 100)))
  try {
    const adapter = randomAdapter(randomBytes(4).readUInt32LE());
    const file = join(folder, 'next.safetensors');
    await writeAdapter(file, adapter);
    parent = await port.publish(file, parent);
  } catch (error) {
    console.log(`not published: ${messageOf(error)}`);
  }
