/** A Jetson's L4T release, as /etc/nv_tegra_release has it. */
export interface Tegra {
  release: number;
  revision: string;
}

/** Reads `# R36 (release), REVISION: 4.3, …`; undefined for anything else. */
export function parseTegraRelease(text: string): Tegra | undefined {
  const found = /^# R(\d+) \(release\), REVISION: ([\d.]+)/.exec(text);
  return found ? { release: Number(found[1]), revision: found[2] } : undefined;
}

/** Versions in a JetPack. */
interface JetPack {
  version: string;
  cuda: string;
  tensorrt: string;
}

const JETPACK_6 = { version: '6', cuda: '12.6', tensorrt: '10.3' };
const JETPACK_7 = { version: '7', cuda: '13.0', tensorrt: '10.13' };

/** JetPacks by L4T release and revision, or by release alone; from NVIDIA's release notes. */
const JETPACKS: Record<string, JetPack> = {
  '35': { version: '5', cuda: '11.4', tensorrt: '8.5' },
  '36': JETPACK_6,
  '36.3': { version: '6.0', cuda: '12.2', tensorrt: '8.6' },
  '36.4': { ...JETPACK_6, version: '6.1 or 6.2' },
  '38': JETPACK_7,
  '38.2': { ...JETPACK_7, version: '7.0' },
  '38.4': { ...JETPACK_7, version: '7.1' },
  '39.2': { version: '7.2', cuda: '13.2', tensorrt: '10.16' },
};

/** The JetPack of an L4T release; undefined if it is not known here. */
export function jetPackOf({ release, revision }: Tegra): JetPack | undefined {
  const [major] = revision.split('.');
  return JETPACKS[`${release}.${major}`] ?? JETPACKS[release];
}
