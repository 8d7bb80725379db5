import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { env } from 'onnxruntime-node';
import { missingLibrary, parsePlacements, remedy } from '../../src/doctor/accelerators.ts';
import { formatBytes } from '../../src/doctor/finding.ts';
import { parseNvidiaSmi, vulkanDrivers } from '../../src/doctor/gpu.ts';
import { jetPackOf, parseTegraRelease } from '../../src/doctor/jetson.ts';
import { jetsonFinding, nodeFinding } from '../../src/doctor/machine.ts';
import { bytesNeeded, gpuMemoryVerdict, memoryVerdict } from '../../src/doctor/memory.ts';
import { probe } from '../../src/doctor/probe.ts';
import { cameraFindings } from '../../src/doctor/ros.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';

const ORIN =
  '# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia';
const THOR =
  '# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64, DATE: Fri Aug 22 00:55:42 UTC 2025';

describe('a Jetson', () => {
  it('is known by the first line of /etc/nv_tegra_release', () => {
    assert.deepEqual(parseTegraRelease(ORIN), { release: 36, revision: '4.3' });
    assert.deepEqual(parseTegraRelease(THOR), { release: 38, revision: '2.0' });
    assert.equal(parseTegraRelease('Ubuntu 22.04'), undefined);
    assert.equal(parseTegraRelease(''), undefined);
  });

  it('has the JetPack of its L4T release: 6 for R36, 7 for R38, and none that is guessed', () => {
    const versionOf = (release: number, revision: string) =>
      jetPackOf({ release, revision })?.version;
    assert.equal(versionOf(36, '4.3'), '6.1 or 6.2');
    assert.equal(versionOf(36, '9.0'), '6');
    assert.equal(versionOf(38, '2.1'), '7.0');
    assert.equal(versionOf(38, '4.0'), '7.1');
    assert.equal(versionOf(40, '1.0'), undefined);
  });

  it('is told with model, CUDA and TensorRT; a release that is not known is a lack', () => {
    const { state, found } = jetsonFinding('NVIDIA Jetson AGX Orin Developer Kit', ORIN);
    assert.equal(state, 'ok');
    assert.match(found, /AGX Orin.*R36\.4\.3: JetPack 6\.1 or 6\.2, CUDA 12\.6, TensorRT 10\.3/);
    assert.equal(jetsonFinding(undefined, '# R40 (release), REVISION: 1.0').state, 'lack');
    assert.equal(jetsonFinding('Raspberry Pi 5', undefined).state, 'absent');
  });
});

describe('NVIDIA’s GPUs', () => {
  it('are read from nvidia-smi', () => {
    assert.deepEqual(
      parseNvidiaSmi(
        'NVIDIA GeForce RTX 4090, 550.54.14, 24564, 8.9\nNVIDIA H100 80GB HBM3, 580.159.04, 81559, 9.0\n',
      ),
      [
        {
          name: 'NVIDIA GeForce RTX 4090',
          driver: '550.54.14',
          memory: 24564,
          computeCapability: '8.9',
        },
        {
          name: 'NVIDIA H100 80GB HBM3',
          driver: '580.159.04',
          memory: 81559,
          computeCapability: '9.0',
        },
      ],
    );
  });

  it('may not know their memory, as that of a Jetson, and are none where nothing is said', () => {
    const [orin] = parseNvidiaSmi('Orin (nvgpu), 540.4.0, [N/A], [N/A]\n');
    assert.deepEqual(orin, {
      name: 'Orin (nvgpu)',
      driver: '540.4.0',
      memory: undefined,
      computeCapability: undefined,
    });
    assert.deepEqual(parseNvidiaSmi(''), []);
    assert.deepEqual(parseNvidiaSmi('No devices were found\n'), []);
  });
});

describe('Vulkan’s drivers', () => {
  it('are those that the environment names, where it names some, if they are there', async () => {
    const named = { VK_DRIVER_FILES: `/nowhere/icd.json:${import.meta.filename}` };
    assert.deepEqual(await vulkanDrivers(named), [import.meta.filename]);
  });
});

describe('what ONNX Runtime’s log says', () => {
  it('is where a model’s operators were placed', () => {
    const log = `
2026-11-26 14:35:46.238 [V:onnxruntime:, session_state.cc:1377 VerifyEachNodeIsAssignedToAnEp] Node placements
2026-11-26 14:35:46.238 [V:onnxruntime:, session_state.cc:1383 VerifyEachNodeIsAssignedToAnEp]  Node(s) placed on [CPUExecutionProvider]. Number of nodes: 30
2026-11-26 14:35:46.238 [V:onnxruntime:, session_state.cc:1383 VerifyEachNodeIsAssignedToAnEp]  Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 630`;
    assert.deepEqual(Object.fromEntries(parsePlacements(log)), { cpu: 30, webgpu: 630 });
    assert.equal(parsePlacements('').size, 0);
  });

  const failed = (library: string) =>
    `[E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] [ONNXRuntimeError] : 1 : FAIL : Failed to load library /app/bin/libonnxruntime_providers_cuda.so with error: ${library}: cannot open shared object file: No such file or directory`;

  it('is which library a provider misses, from which follows what to do', () => {
    const pc = { nvidia: true, jetson: false, vulkan: false };
    assert.equal(missingLibrary(failed('libcublasLt.so.12')), 'libcublasLt.so.12');
    assertSaid(remedy('cuda', pc, failed('libcublasLt.so.12')), 'libcublasLt.so.12', 'CUDA 12');
    assertSaid(
      remedy('tensorrt', pc, failed('libnvinfer.so.10')),
      'libnvinfer.so.10',
      'TensorRT 10',
    );
    const own = failed('/app/bin/libonnxruntime_providers_shared.so');
    assert.match(remedy('cuda', pc, own), /^ONNXRUNTIME_NODE_INSTALL=cuda12 node .*install\.js$/);
    assertSaid(remedy('cuda', { ...pc, jetson: true }, own), 'docs/jetson.md');
  });
});

describe('memory', () => {
  const GB = 1e9;

  it('is needed for the weights as they are stored, and what runs them', () => {
    const needed = bytesNeeded([{ bytes: 4 * GB }, { bytes: GB }]);
    assert.equal(needed - bytesNeeded([]), 5 * GB);
    assert.ok(bytesNeeded([]) > 0);
  });

  it('of a GPU is compared with the weights, where the driver tells it', () => {
    const gpu = { name: 'GPU', memory: 8 * 1024 };
    assert.equal(gpuMemoryVerdict(gpu, 6 * GB)[0].state, 'ok');
    const [small] = gpuMemoryVerdict(gpu, 13 * GB);
    assertSaid(small.next!, '--precision float16');
    assert.equal(small.needed, undefined);
    assert.deepEqual(gpuMemoryVerdict({ name: 'GPU' }, 13 * GB), []);
  });

  it('suffices if as much is available, within the control group’s limit too', () => {
    assert.equal(memoryVerdict({ total: 16 * GB, available: 12 * GB }, 8 * GB).state, 'ok');
    const limited = memoryVerdict({ total: 16 * GB, available: 12 * GB, limit: 4 * GB }, 8 * GB);
    assert.equal(limited.state, 'lack');
    assertSaid(limited.next!, 'container');
    const busy = memoryVerdict({ total: 16 * GB, available: 2 * GB }, 8 * GB);
    assertSaid(busy.next!, 'close');
    const small = memoryVerdict({ total: 8 * GB, available: 7 * GB }, 13 * GB);
    assertSaid(small.next!, 'smaller policy');
    assert.ok(small.needed);
  });

  it('is told in the unit that fits', () => {
    const texts = [0, 999, 9_200_000, 13_000_000_000].map(formatBytes);
    assert.deepEqual(texts, ['0 B', '999 B', '9.2 MB', '13 GB']);
  });
});

describe('Node.js', () => {
  it('is new enough from 20.19 on', () => {
    const states = ['18.20.4', '20.18.1', '20.19.0', '22.1.0'].map((v) => nodeFinding(v).state);
    assert.deepEqual(states, ['lack', 'lack', 'ok', 'ok']);
  });
});

describe('cameras', () => {
  const high = { name: 'cam_high', topic: '/cam_high/image', type: 'sensor_msgs/msg/Image' };

  it('are there if their topic is, with its type', () => {
    const topics = [{ name: '/cam_high/image', types: ['sensor_msgs/msg/Image'] }];
    assert.equal(cameraFindings([high], topics)[0].state, 'ok');
  });

  it('that are not are told beside the images that are', () => {
    const other = [
      { name: '/camera/color', types: ['sensor_msgs/msg/Image'] },
      { name: '/rosout', types: ['rcl_interfaces/msg/Log'] },
    ];
    const [missing] = cameraFindings([high], other);
    assertSaid(missing.found, '/cam_high/image', '/camera/color');
    const compressed = [{ name: high.topic, types: ['sensor_msgs/msg/CompressedImage'] }];
    assertSaid(cameraFindings([high], compressed)[0].next!, 'transport');
  });
});

describe('a probe', () => {
  it('gives what it found out', async () => {
    assert.equal((await probe('provider', 'cpu')).value, undefined);
    assert.equal((await probe('provider', 'cpu')).error, undefined);
    const { value, stderr } = await probe('provider', 'cuda');
    if (value !== undefined) assert.match(value + stderr, /not in this|Failed to load|CUDA/);
  });

  it('gives what went wrong', async () => {
    const { error } = await probe('placement', {
      model: '/nowhere.onnx',
      folder: '/',
      provider: 'cpu',
    });
    assert.match(error!, /nowhere\.onnx/);
  });
});

describe('the recipe for Jetson', () => {
  it('builds the version of ONNX Runtime that is installed', async () => {
    const recipe = await readFile(packagePath('launch/jetson/Dockerfile'), 'utf8');
    assert.equal(/^ARG ONNXRUNTIME=(.*)$/m.exec(recipe)![1], env.versions.node);
  });

  it('changes the source of its binding once, and refuses another one', () =>
    withFolder(async (folder) => {
      const source = join(folder, 'session_options_helper.cc');
      const change = () =>
        promisify(execFile)(process.execPath, [
          packagePath('launch/jetson/tensorrtOptions.mjs'),
          source,
        ]);
      const [before, after] = [
        'OrtTensorRTProviderOptionsV2* options;\noptions->device_id = deviceId;\n',
        'append;\n',
      ];
      await writeFile(source, before + after);
      await change();
      const changed = await readFile(source, 'utf8');
      assert.ok(changed.startsWith(before) && changed.endsWith(after));
      assert.match(changed, /UpdateTensorRTProviderOptions/);
      await assert.rejects(change(), /is not what this was written for/);
      await writeFile(source, 'something else');
      await assert.rejects(change(), /is not what this was written for/);
    }));
});
