/** Options that several commands share, and how their values are read. */
import { Option, InvalidArgumentError, type Command } from 'commander';
import { FORMAT_IDS, type FormatId } from '../../spec/requirement.ts';
import { DEFAULT_LIMITS } from '../capture/request.ts';
import type { Profile } from '../trace.ts';

export type ChoiceOptions = { readonly assets?: readonly string[]; readonly formats?: readonly FormatId[] };

export type SubjectOptions = ChoiceOptions & {
  readonly root?: string;
  readonly origin?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly profile?: Profile;
  readonly serve: string;
  readonly concurrency: number;
  readonly segments?: number;
  readonly maxBody: number;
  readonly timeout: number;
  readonly out: string;
  readonly quiet?: boolean;
};

export type JudgeOptions = ChoiceOptions & {
  readonly out: string;
  readonly truth?: string;
  readonly keys?: string;
  readonly schemas?: string;
  readonly java: boolean;
  readonly tier: 'ci' | 'full';
  readonly decode?: boolean;
  readonly players: boolean;
  readonly only?: readonly string[];
  readonly expectations?: readonly string[];
  readonly minCoverage?: number;
  readonly annotations?: boolean;
  readonly strict?: boolean;
  readonly quiet?: boolean;
};

const DEFAULT_OUT = 'conformance-result';

export function withSubject(command: Command, entry: string): Command {
  return withChoice(command)
    .option('--root <dir>', 'folder with assets: starts the packager on it')
    .option('--origin <url...>', 'an asset (…/name.ism: all six outputs) or manifests')
    .option('--allow-host <host...>', 'hosts other than this machine that may be asked')
    .option('--profile <profile>', 'ams or generic; guessed when absent', oneOf(['ams', 'generic']))
    .addOption(new Option('--serve <file>', 'with --root: the packager to start').default(entry, 'the one beside this suite'))
    .option('--concurrency <n>', 'requests at a time', positive, 8)
    .option('--segments <n>', 'most segments per track; all when absent', positive)
    .option('--max-body <bytes>', 'largest body that is read', positive, DEFAULT_LIMITS.maxBytes)
    .option('--timeout <ms>', 'limit per request', positive, DEFAULT_LIMITS.timeoutMs)
    .option('--out <dir>', 'where to write', DEFAULT_OUT)
    .option('--quiet', 'no progress');
}

export function withJudge(command: Command): Command {
  const own = command.options.some(({ long }) => long === '--out') ? command : withChoice(command).option('--out <dir>', 'where to write', DEFAULT_OUT).option('--quiet', 'no progress');
  return own
    .option('--truth <dir>', 'folder with one folder per asset, each with truth.json')
    .option('--keys <file>', 'content keys: JSON, key identifier to 16 bytes in base64; default: what subjects.json of the root names')
    .option('--schemas <dir>', 'official MPD schemas; default: ISOMER_SCHEMA_DIR')
    .option('--no-java', 'leave the Java schema engine out')
    .option('--tier <tier>', 'ci: what every build has time for; full: real clients as well, like --decode', oneOf(['ci', 'full']), 'ci')
    .option('--decode', 'also compare decoded frames, with ffmpeg and GStreamer')
    .option('--no-players', 'leave real clients out: browsers, and those of the tier; --decode still decodes')
    .option('--only <prefix...>', 'only checks whose id begins so')
    .option('--expectations <file...>', 'known failures; the last entry that matches wins')
    .option('--min-coverage <percent>', 'fail when a smaller share of the requirements got a decisive outcome', percent)
    .option('--annotations', 'also print GitHub workflow commands; always done inside a GitHub workflow')
    .option('--strict', 'a SHOULD that does not hold also makes the run fail');
}

export function withReplay(command: Command): Command {
  return command
    .option('--player, --players <name...>', 'hls.js, dash.js, shaka, shaka-4, rx-player, video.js, native, ffmpeg, gstreamer, vlc, or the file of an adapter (./my-adapter.mjs); default: all of them')
    .option('--browser, --browsers <name...>', 'chromium, firefox, webkitgtk, or native for clients that are none; default: those of this machine')
    .option('--template, --templates <id...>', 'only these things to do: sequential, to-end, offset, pause, quality, audio, lost-segment, manifest-once, text, slow, whole; of layouts: aes-128, sample-aes, cenc, cbcs, clear-lead, piff, filtered')
    .option('--max-failures <n>', 'stop after so many new failures', positive);
}

export const withTier = (command: Command, text: string): Command => command.option('--tier <tier>', text, oneOf(['ci', 'full']), 'ci');

function withChoice(command: Command): Command {
  return command.option('--asset, --assets <id...>', 'only these assets').addOption(new Option('--format, --formats <id...>', 'only these outputs').choices(FORMAT_IDS));
}

export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a positive integer is expected');
  return value;
}

/** It stands in ids, between blanks. */
export function deviceName(text: string): string {
  if (!/^[\w.-]{1,40}$/.test(text)) throw new InvalidArgumentError('up to 40 letters, digits, dots, hyphens and underscores are expected');
  return text;
}

function percent(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('a number from 0 to 100 is expected');
  return value;
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((each) => each === text);
    if (value === undefined) throw new InvalidArgumentError(`one of ${values.join(', ')} is expected`);
    return value;
  };
}
