/** The judges that are not pure code: schemas and engines that a machine may lack. Opened once per run, then only asked. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openMpdJudge, openOwnSchema, type MpdJudge, type SchemaVerdict, type XsdEngine } from './mpd.ts';

export type Judges = {
  readonly mpd: MpdJudge;
  /** Our own schema of Smooth client manifests. */
  readonly smooth: XsdEngine | null;
  readonly notes: readonly string[];
};

const SMOOTH_SCHEMA = new URL('../../spec/schema/smooth.xsd', import.meta.url);
const SMOOTH_GOOD = new URL('../../spec/golden/smooth.xml', import.meta.url);

export type JudgeOptions = {
  /** Folder with the official MPD schemas, one folder per edition; null: none. */
  readonly schemaDir: string | null;
  /** Spend a JVM per shape of MPD. */
  readonly java: boolean;
};

export async function openJudges({ schemaDir, java }: JudgeOptions): Promise<Judges> {
  const mpd = await openMpdJudge(schemaDir, java);
  const good = readFileSync(SMOOTH_GOOD, 'utf8');
  const smooth = await openOwnSchema(fileURLToPath(SMOOTH_SCHEMA), good, good.replace(/ Duration="\d+"/, ''));
  return { mpd, smooth: typeof smooth === 'string' ? null : smooth, notes: [...mpd.notes, ...(typeof smooth === 'string' ? [`spec/schema/smooth.xsd: ${smooth}`] : [])] };
}

/** Judges for tests that have nothing to do with schemas. */
export const NO_JUDGES: Judges = { mpd: { editions: [], informative: [], engines: [], notes: [] }, smooth: null, notes: [] };

export type { SchemaVerdict };
