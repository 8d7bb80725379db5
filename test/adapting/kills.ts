import { withFolder } from '../onnx/run.ts';
import { assertWhole } from './checks.ts';
import { survive } from './survive.ts';

/** Kills `nalu adapt` fifty times, or as often as is said, and checks what became of it: node kills.js [KILLS] [SEED] */
const [kills = '50', seed = '1'] = process.argv.slice(2);
await withFolder(async (folder) => {
  const wanted = await survive(folder, Number(kills), Number(seed), console.log);
  const versions = await assertWhole(folder, wanted);
  console.log(
    `after ${kills} kills: ${wanted} attempts made, received and learned from once each, ${versions.length} versions of the policy`,
  );
});
