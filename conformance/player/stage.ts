/** The replay stage of a run: finds browsers, asks them what they can, plans, plays, and makes the rows. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { ReplayDetail, ReplaySection } from '../../spec/replay.ts';
import type { Subjects } from '../../spec/subjects.ts';
import type { Truth } from '../../spec/truth.ts';
import { messageOf, SuiteFault } from '../fault.ts';
import { isRefused } from '../outputs.ts';
import type { ManifestTarget } from '../trace.ts';
import { runPlan } from './campaign.ts';
import { contentOf, type Content } from './content.ts';
import { staleDefect } from './defects.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import type { BrowserName } from './model.ts';
import { NATIVE, NATIVE_CLIENTS, playNatively, WHOLE } from './native-tier.ts';
import { planReplays, type Cell, type PlanTarget } from './plan.ts';
import { PLAYERS, type PlayerRow } from './players.ts';
import { probeBrowser, type Probe } from './probe.ts';
import type { Access } from './protection.ts';
import { openStage, type Stage } from './serve.ts';
import { TEMPLATES } from './templates.ts';
import { describeModule, describePage, isPageAddress } from './vendor.ts';

export type ReplayOptions = {
  readonly players?: readonly string[];
  readonly browsers?: readonly string[];
  readonly templates?: readonly string[];
  readonly tier: 'ci' | 'full';
  readonly maxFailures?: number;
};

type Subject = Pick<Subjects['subjects'][number], 'left' | 'protection'>;

export type ReplayInput = ReplayOptions & {
  readonly manifests: readonly ManifestTarget[];
  readonly truths: ReadonlyMap<string, Truth>;
  /** What is special about subjects, where a layout lists them; absent: every target is an asset as it is stored. */
  readonly subjects?: ReadonlyMap<string, Subject>;
  readonly access?: Access;
  readonly note: (line: string) => void;
};

export type Replays = { readonly section: ReplaySection; readonly details: readonly ReplayDetail[]; readonly infrastructure: number };

/** Browsers first, then the native clients: both want the machine for themselves. */
export async function replayAll(input: ReplayInput): Promise<Replays> {
  const targets = await targetsOf(input);
  if (targets.length === 0) throw new SuiteFault('usage', 'no asset with marked pictures and a truth file is among the targets: replays would have nothing to go by');
  const isNative = (name: string): boolean => NATIVE_CLIENTS.some((client) => client.name === name);
  const asked = { players: input.players ?? [], browsers: input.browsers ?? [], templates: input.templates ?? [] };
  const wants = (native: boolean): boolean =>
    [asked.players.map(isNative), asked.browsers.map((name) => name === NATIVE), asked.templates.map((id) => id === WHOLE.id)].every((kinds) => kinds.length === 0 || kinds.includes(native));
  const rest = (list: readonly string[] | undefined, native: (name: string) => boolean): readonly string[] | undefined => list?.filter((name) => !native(name));
  const { players: _, browsers: __, templates: ___, ...common } = input;
  const own = { players: rest(input.players, isNative), browsers: rest(input.browsers, (name) => name === NATIVE), templates: rest(input.templates, (id) => id === WHOLE.id) };
  const inBrowsers = wants(false) ? await replayInBrowsers({ ...common, ...Object.fromEntries(Object.entries(own).filter(([, list]) => list !== undefined)) }, targets) : null;
  // Native clients get no tokens, and play to the end of what is stored.
  const stored = targets.filter(({ content: { protection, filtered } }) => protection === null && !filtered);
  const natively = wants(true) && stored.length > 0 ? await playNatively({ targets: stored, truths: input.truths, tier: input.tier, cores: availableParallelism(), note: input.note, ...(input.players === undefined ? {} : { clients: input.players }) }) : null;
  const section = inBrowsers?.section;
  return {
    section: {
      templates: { ...section?.templates, ...(natively === null ? {} : { [WHOLE.id]: WHOLE.title }) },
      players: { ...section?.players, ...natively?.versions },
      browsers: { ...section?.browsers, ...(natively === null ? {} : { [NATIVE]: { version: `${process.platform} ${process.arch}`, mediaSource: {}, native: {} } }) },
      rows: [...(section?.rows ?? []), ...(natively?.rows ?? [])].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      staleDefects: [...(section?.staleDefects ?? []), ...(natively?.staleDefects ?? [])],
    },
    details: [...(inBrowsers?.details ?? []), ...(natively?.details ?? [])],
    infrastructure: inBrowsers?.infrastructure ?? 0,
  };
}

async function replayInBrowsers(input: ReplayInput, targets: readonly PlanTarget[]): Promise<Replays> {
  const { note } = input;
  const foreign = (input.players ?? []).filter(isForeign);
  const modules = foreign.filter((name) => !isPageAddress(name));
  if (foreign.length > 1) throw new SuiteFault('usage', 'one player of a vendor at a time: give --player one file or one address');
  const stage = await openStage(modules.length === 0 ? {} : { module: resolve(modules[0]) });
  const found = new Map<BrowserName, { readonly probe: Probe; readonly version: string }>();
  try {
    const { BROWSERS, OPTIONAL_BROWSERS } = await launcher();
    const absent = new Map<BrowserName, string>();
    for (const name of chosenFrom([...BROWSERS, ...OPTIONAL_BROWSERS], input.browsers, 'browser')) {
      const driver = await open(name).catch((error: unknown) => {
        if (input.browsers !== undefined) throw new SuiteFault('usage', messageOf(error), { cause: error });
        if (OPTIONAL_BROWSERS.includes(name)) absent.set(name, messageOf(error));
        note(`${messageOf(error)}: its replays stay ${absent.has(name) ? 'inapplicable' : 'untested'}`);
        return null;
      });
      if (driver === null) continue;
      try {
        found.set(name, { probe: await probeBrowser(driver, stage), version: await driver.version() });
      } catch (error) {
        // One that is not needed and does not start here fails no run.
        if (!OPTIONAL_BROWSERS.includes(name)) throw error;
        absent.set(name, messageOf(error));
        note(`${messageOf(error)}: its replays stay inapplicable`);
      } finally {
        await driver.close();
      }
    }
    if (found.size === 0) throw new SuiteFault('harness', 'there is no browser on this machine');
    const players = await playersOf(input.players, stage, [...found.keys()][0]);
    const probes = new Map([...found].map(([name, { probe }]) => [name, probe] as const));
    const cells = planReplays({ targets, players, probes, absent, tier: input.tier, ...(input.templates === undefined ? {} : { templates: chosenFrom(TEMPLATES.map(({ id }) => id), input.templates, 'template') }) });
    if (cells.length === 0) throw new SuiteFault('usage', 'none of these players plays any of these outputs');
    note(`${cells.filter(({ cannot }) => cannot === null).length} replays, ${cells.filter(({ cannot }) => cannot !== null).length} inapplicable`);
    const played = await runPlan(cells, { stage, open, cores: availableParallelism(), progress: note, ...(input.maxFailures === undefined ? {} : { maxFailures: input.maxFailures }) });
    const rows = played.map(({ row }) => row);
    const details = played.flatMap(({ detail }) => (detail === null ? [] : [detail]));
    const versions = played.flatMap(({ row, version }) => (version === null || version === '' ? [] : [[row.player, version] as const]));
    const section: ReplaySection = {
      templates: Object.fromEntries(TEMPLATES.filter(({ id }) => rows.some(({ template }) => template === id)).map(({ id, title }) => [id, title])),
      players: Object.fromEntries([...players.map(({ name }) => [name, ''] as const), ...versions]),
      browsers: Object.fromEntries([...found].map(([name, { probe, version }]) => [name, { version, mediaSource: probe.mediaSource, native: probe.native }])),
      rows,
      staleDefects: played.flatMap(({ row }, i) => staleDefect(cells[i], row)),
    };
    return { section, details, infrastructure: details.reduce((sum, { infrastructure }) => sum + infrastructure, 0) };
  } finally {
    await stage.close();
  }
}

/** RFC 9110 15.5.16: the content is not available in this form. */
const REFUSED = 415;

/** A device says nothing of itself beforehand: it is asked for all that it could play. */
export async function planForDevice(input: ReplayInput): Promise<readonly Cell[]> {
  const players = PLAYERS.filter(({ name }) => chosenFrom(PLAYERS.map((player) => player.name), input.players, 'player').includes(name));
  const unasked: Probe = { userAgent: '', mediaSource: {}, native: { 'application/vnd.apple.mpegurl': 'maybe' }, frameCallback: true, encryptedMedia: false };
  const templates = chosenFrom(TEMPLATES.map(({ id }) => id), input.templates, 'template');
  return planReplays({ targets: await targetsOf(input), players, probes: new Map([['chromium', unasked]]), templates, tier: input.tier });
}

/** puppeteer is not among what the suite is installed with: who replays brings it. */
async function launcher() {
  return import('./drivers/launch.ts').catch((error: unknown) => {
    throw new SuiteFault('harness', `browsers are driven with puppeteer, which is not installed: npm install puppeteer (${messageOf(error).split('\n')[0]})`, { cause: error });
  });
}

async function open(name: BrowserName): Promise<BrowserDriver> {
  return (await launcher()).launchBrowser(name, process.env);
}

async function targetsOf({ manifests, truths, subjects, access, note }: ReplayInput): Promise<readonly PlanTarget[]> {
  const contents = new Map<string, Content>();
  for (const [asset, truth] of truths) {
    const content = contentOf(truth, subjects?.get(asset)?.left);
    if ('unobservable' in content) note(`${asset} is not replayed: ${content.unobservable}`);
    else contents.set(asset, { ...content, asset });
  }
  const targets = manifests.map(async ({ asset, format, url }): Promise<PlanTarget[]> => {
    const content = contents.get(asset);
    if (content === undefined) return [];
    const refusal = isRefused(format, truths.get(asset)?.tracks ?? []) ? await refusalAt(url) : null;
    const target = { format, url, ...(refusal === null ? {} : { refusal }) };
    const { system, schemes, clearLead } = subjects?.get(asset)?.protection ?? {};
    const scheme = schemes?.[format];
    if (system === undefined || scheme === undefined) return [{ content, ...target }];
    return [{ content: { ...content, protection: { scheme, system, clearLead: clearLead !== undefined } }, ...target, ...(access === undefined || system !== 'clear-key' ? {} : { access }) }];
  });
  return (await Promise.all(targets)).flat();
}

const ASK_MS = 10_000;

/** Status and error code of an answer that refuses; null: it is served, or nobody answered, which is for the players to find. */
async function refusalAt(url: string): Promise<string | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS), redirect: 'error' }).catch(() => null);
  await answer?.body?.cancel();
  if (answer === null || answer.status !== REFUSED) return null;
  const code = answer.headers.get('x-ms-error-code') ?? '';
  return `${answer.status}${/^\w{1,80}$/.test(code) ? ` ${code}` : ''}`;
}

const isForeign = (name: string): boolean => (isPageAddress(name) || /\.m?js$/.test(name)) && !PLAYERS.some((player) => player.name === name);

async function playersOf(names: readonly string[] | undefined, stage: Stage, browser: BrowserName): Promise<readonly PlayerRow[]> {
  if (names === undefined) return PLAYERS;
  const own = chosenFrom(PLAYERS.map(({ name }) => name), names.filter((name) => !isForeign(name)), 'player');
  const rows = PLAYERS.filter(({ name }) => own.includes(name));
  const [foreign] = names.filter(isForeign);
  if (foreign === undefined) return rows;
  return [...rows, isPageAddress(foreign) ? await describePage(foreign, () => open(browser)) : await describeModule(stage, () => open(browser))];
}

function chosenFrom<T extends string>(known: readonly T[], wanted: readonly string[] | undefined, what: string): readonly T[] {
  const stranger = wanted?.find((name) => !known.some((each) => each === name));
  if (stranger !== undefined) throw new SuiteFault('usage', `no ${what} is called ${stranger}: ${known.join(', ')}`);
  return wanted === undefined ? known : known.filter((name) => wanted.includes(name));
}
