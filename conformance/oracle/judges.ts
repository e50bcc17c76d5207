/** The judges that are not pure code: schemas and engines that a machine may lack. Opened once per run, then only asked. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Decoder } from './decode.ts';
import { openMpdJudge, openOwnSchema, type MpdJudge, type XsdEngine } from './mpd.ts';

export type Judges = {
  readonly mpd: MpdJudge;
  /** Our own schema of Smooth client manifests. */
  readonly smooth: XsdEngine | null;
  /** Our own schema of exactly what the packager emits as MPD. */
  readonly ownMpd: XsdEngine | null;
  /** Real clients; null unless decoding was asked for. */
  readonly decoder: Decoder | null;
  readonly notes: readonly string[];
};

const SCHEMAS = new URL('../../spec/schema/', import.meta.url);
const GOLDEN = new URL('../../spec/golden/', import.meta.url);

export type JudgeOptions = {
  /** Folder with the official MPD schemas, one folder per edition; null: none. */
  readonly schemaDir: string | null;
  /** Spend a JVM per shape of MPD. */
  readonly java: boolean;
};

export async function openJudges({ schemaDir, java }: JudgeOptions): Promise<Judges> {
  const mpd = await openMpdJudge(schemaDir, java);
  const notes = [...mpd.notes];
  const own = async (schema: string, golden: string, required: RegExp): Promise<XsdEngine | null> => {
    const good = readFileSync(new URL(golden, GOLDEN), 'utf8');
    const engine = await openOwnSchema(fileURLToPath(new URL(schema, SCHEMAS)), good, good.replace(required, ''));
    if (typeof engine !== 'string') return engine;
    notes.push(`spec/schema/${schema}: ${engine}`);
    return null;
  };
  return { mpd, smooth: await own('smooth.xsd', 'smooth.xml', / Duration="\d+"/), ownMpd: await own('mpd.xsd', 'dash-csf.mpd', / minBufferTime="[^"]*"/), decoder: null, notes };
}

/** Judges for tests that have nothing to do with schemas. */
export const NO_JUDGES: Judges = { mpd: { editions: [], informative: [], engines: [], notes: [] }, smooth: null, ownMpd: null, decoder: null, notes: [] };

