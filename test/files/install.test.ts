import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { packagePath } from '../../src/files/packagePath.ts';

const run = promisify(execFile);

const readJson = async (name: string) =>
  JSON.parse(await readFile(packagePath(name), 'utf8')) as Record<string, unknown>;

describe('npm ci', () => {
  it('downloads no CUDA libraries: by the lockfile onnxruntime-node has no install script', async () => {
    const { packages } = (await readJson('package-lock.json')) as {
      packages: Record<string, { version: string; hasInstallScript?: boolean }>;
    };
    const entry = packages['node_modules/onnxruntime-node'];
    assert.ok(entry.version);
    assert.equal(
      entry.hasInstallScript,
      undefined,
      'npm writes hasInstallScript when it updates the package: remove that line again',
    );
  });

  it('denies that script by name too, where npm knows of it', async () => {
    const { allowScripts } = await readJson('package.json');
    assert.equal((allowScripts as Record<string, boolean>)['onnxruntime-node'], false);
  });

  it('knows every setting of the project: no npm command warns', async () => {
    const { stderr } = await run('npm', ['config', 'list'], { cwd: packagePath('.') });
    assert.doesNotMatch(stderr, /Unknown project config/);
  });
});
