import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { packagePath } from '../../src/files/packagePath.ts';
import { checkParameterFiles } from '../../src/ros/parameterFiles.ts';
import { assertThrowsAbout } from '../refusals.ts';

it('a parameter file that rclnodejs would pass over is refused, with what to write', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-parameters-'));
  const file = join(folder, 'dumped.yaml');
  const check = () => checkParameterFiles(['node', 'main.js', '--ros-args', '--params-file', file]);
  await writeFile(file, '/nalu:\n  ros__parameters:\n    autostart: true\n');
  assertThrowsAbout(check, {
    kind: 'invalid',
    subject: file,
    fields: ['/nalu'],
    names: ['nalu:', '/**:', '/nalu:'],
  });
  await writeFile(file, 'nalu:\n  ros__parameters:\n    record: /tmp\n');
  check();
  for (const shipped of ['parameters', 'rehearsal'])
    checkParameterFiles(['--params-file', packagePath(`launch/${shipped}.yaml`)]);
  await rm(folder, { recursive: true });
});
