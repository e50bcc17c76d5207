/** Text tracks of recipes: their files, and the truth about them. What was written as movies is read back with ffprobe. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TextRecipe } from '../spec/asset.ts';
import type { TruthText } from '../spec/truth.ts';
import { stppEntry, stppSamples } from './bitstream/stpp.ts';
import { writeTextMovie, type TextMovie } from './bitstream/textmovie.ts';
import { wvttEntry, wvttSamples } from './bitstream/wvtt.ts';
import { truthOf } from './cues.ts';
import { FFPROBE } from './encode.ts';
import { writeTtml } from './ttml.ts';
import { settingsOf, writeWebVtt } from './webvtt.ts';

const run = promisify(execFile);

export async function writeText(recipe: TextRecipe, folder: string): Promise<void> {
  // Captions are in the pictures already.
  if (recipe.form === 'cea608') return;
  const path = join(folder, recipe.file);
  if (recipe.form === 'webvtt') return writeFile(path, writeWebVtt(recipe));
  if (recipe.form === 'ttml') return writeFile(path, writeTtml(recipe, recipe.cues, recipe.cues));
  const movie = movieOf(recipe);
  await writeFile(path, writeTextMovie(movie));
  await crossCheck(path, movie);
}

/** Ticks per second of text in movies. */
const TIMESCALE = 1000;

function movieOf(recipe: TextRecipe): TextMovie {
  const { form, cues, language, perFragment, step } = recipe;
  const end = recipe.duration ?? Math.max(...cues.map((cue) => cue.end));
  const common = { timescale: TIMESCALE, language: recipe.tells === 'file' ? language : 'und', perFragment: perFragment ?? null };
  if (form === 'wvtt') {
    const samples = wvttSamples(cues.map(({ start, end: until, id, text, place }) => ({ start, end: until, id, settings: settingsOf(text, place), payload: text })), end);
    return { ...common, brands: ['iso6', 'cmfc', 'cwvt'], handler: 'text', mediaHeader: 'nmhd', entry: wvttEntry('WEBVTT'), samples };
  }
  const samples = stppSamples(step, end, (from, to) => writeTtml(recipe, cues.filter((cue) => cue.start < to && cue.end > from), cues));
  return { ...common, brands: ['iso6', 'cmfc', 'im1t'], handler: 'subt', mediaHeader: 'sthd', entry: stppEntry('application/ttml+xml;codecs=im1t'), samples };
}

/** ffprobe must find the samples that were meant, at their times. */
async function crossCheck(file: string, { samples, timescale, entry }: TextMovie): Promise<void> {
  const { stdout } = await run(FFPROBE, ['-v', 'error', '-show_entries', 'stream=codec_tag_string,time_base:packet=pts,size', '-of', 'json', file]);
  const probe = JSON.parse(stdout) as { streams: { codec_tag_string: string; time_base: string }[]; packets: { pts: number; size: string }[] };
  const type = entry.toString('latin1', 4, 8);
  let time = 0;
  const mine = samples.map(({ bytes, duration }) => `${(time += duration) - duration} ${bytes.length}`);
  const theirs = probe.packets.map(({ pts, size }) => `${pts} ${size}`);
  if (probe.streams[0]?.codec_tag_string !== type || probe.streams[0].time_base !== `1/${timescale}` || mine.join('\n') !== theirs.join('\n')) {
    throw new Error(`${file}: ffprobe sees ${JSON.stringify(probe)}, written was ${type} with ${mine.join(', ')}`);
  }
}

/** What a packager must make of it: without a name of its own a track is called by its language, and it is a subtitle unless something says more. */
export function textTruth({ file, form, language, bitrate, trackName, displayName, isDefault, characteristics, roles, cues }: TextRecipe): TruthText {
  return {
    file,
    form,
    name: trackName ?? `subt_${language}`,
    bitrate,
    language,
    label: displayName ?? null,
    roles: roles.length > 0 ? roles : [characteristics?.includes('transcribes-spoken-dialog') === true ? 'caption' : 'subtitle'],
    isDefault,
    characteristics: characteristics ?? null,
    cues: cues.toSorted((a, b) => a.start - b.start).map(truthOf),
  };
}
