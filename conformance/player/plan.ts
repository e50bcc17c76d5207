/** Which replays there are to be: content × output × player × browser × template. Pure; what cannot be is in it with the reason. */
import { FORMAT_IDS, type FormatId } from '../../spec/requirement.ts';
import { formatRow, type FormatRow } from '../outputs.ts';
import { onStoredTimeline, type Content } from './content.ts';
import type { BrowserName } from './model.ts';
import { kindsIn, playableIn, type PlayerRow } from './players.ts';
import type { Probe } from './probe.ts';
import type { Access } from './protection.ts';
import { TEMPLATES, type Template } from './templates.ts';

export type PlanTarget = {
  readonly content: Content;
  readonly format: FormatId;
  readonly url: string;
  /** With what the origin refuses an output that it has to refuse; absent: it is served. */
  readonly refusal?: string;
  /** How a player gets the keys of protected content. */
  readonly access?: Access;
};

export type Cell = {
  /** `template asset/format player browser`: stable over hosts, ports and versions. */
  readonly id: string;
  readonly target: PlanTarget;
  readonly format: FormatRow;
  readonly player: PlayerRow;
  readonly browser: BrowserName;
  readonly template: Template;
  /** Why it is not played; null: it is. */
  readonly cannot: string | null;
  /** Codecs of the content that the browser does not decode: what is played is the rest. */
  readonly leftOut: readonly string[];
};

export type PlanInput = {
  readonly targets: readonly PlanTarget[];
  readonly players: readonly PlayerRow[];
  readonly probes: ReadonlyMap<BrowserName, Probe>;
  readonly templates?: readonly string[];
  readonly tier: 'ci' | 'full';
  /** Browsers that a run does without, and why they are not there. */
  readonly absent?: ReadonlyMap<BrowserName, string>;
};

/** Browsers that decode what the others do not: they play by themselves. Players that feed their MediaSource stall on anyone's streams. */
const SUPPLEMENTS: readonly BrowserName[] = ['webkitgtk'];
/** Says yes to everything: whoever is not there could have been asked for all of it. */
const UNASKED: Probe = { userAgent: '', mediaSource: {}, native: { 'application/vnd.apple.mpegurl': 'maybe', 'application/dash+xml': 'maybe' }, frameCallback: true, encryptedMedia: false };

/** Smooth Streaming has nothing like an offset that says where a presentation starts. These take its times as they are; dash.js moves it to 0. */
const STORED_TIMES: ReadonlySet<string> = new Set(['rx-player', 'shaka-4']);

/** The browser in which every template is tried; the others play. */
const MAIN: BrowserName = 'chromium';

export function planReplays({ absent = new Map(), probes: found, ...input }: PlanInput): readonly Cell[] {
  const probes = new Map([...found, ...[...absent.keys()].map((name) => [name, UNASKED] as const)]);
  return plan({ ...input, probes }).map((cell) => (absent.has(cell.browser) && cell.cannot === null ? { ...cell, cannot: absent.get(cell.browser) ?? null } : cell));
}

function plan({ targets, players, probes, templates, tier }: Omit<PlanInput, 'absent'>): readonly Cell[] {
  const chosen = TEMPLATES.filter(({ id }) => templates === undefined || templates.includes(id));
  const main = probes.has(MAIN) ? MAIN : [...probes.keys()].at(0);
  const cells: Cell[] = [];
  for (const [browser, probe] of probes) {
    for (const template of chosen) {
      for (const player of players) {
        const { everyOutput, everyBrowser, everyAsset } = template.breadth;
        if (SUPPLEMENTS.includes(browser) && !(everyOutput && player.name === 'native')) continue;
        const able = kindsIn(player, probe);
        const isSampled = !everyBrowser && !everyAsset;
        const kinds = tier === 'full' || everyOutput ? able : able.filter((kind) => player.tried?.includes(kind) !== false && (!isSampled || player.sampled?.includes(kind) !== false));
        const legal = targets.filter(({ format, content }) => kinds.includes(formatRow(format).kind) && template.of(content));
        if (tier === 'ci' && !everyBrowser && browser !== main) continue;
        const own = tier === 'full' && everyAsset ? legal : canonical(legal, template, player);
        // The newest output of each protocol stands for the others in a short run.
        const some = tier === 'full' || (everyOutput && browser === main) ? own : [...Map.groupBy(own, ({ format }) => formatRow(format).kind).values()].map((list) => list[list.length - 1]);
        for (const target of some) cells.push(cellOf(target, player, browser, probe, template));
      }
    }
  }
  if (tier === 'full') return cells;
  // Browser by browser: beside one that takes the whole machine nothing else can be played.
  const browsers = [...probes.keys()];
  return [...cells, ...codecCells(cells, chosen, { targets, players, probes })].toSorted((a, b) => browsers.indexOf(a.browser) - browsers.indexOf(b.browser));
}

function cellOf(target: PlanTarget, player: PlayerRow, browser: BrowserName, probe: Probe, template: Template): Cell {
  const format = formatRow(target.format);
  const common = { id: `${template.id} ${target.content.asset}/${target.format} ${player.name} ${browser}`, format, player, browser, template };
  if (target.refusal !== undefined) return { ...common, target, cannot: `the origin refuses this output, as it has to: ${target.refusal}`, leftOut: [] };
  const playable = playableIn(player, format, target.content, browser, probe);
  if ('cannot' in playable) return { ...common, target, cannot: playable.cannot, leftOut: [] };
  const { leftOut } = playable;
  const content = format.kind === 'smooth' && STORED_TIMES.has(player.name) ? onStoredTimeline(playable.content) : playable.content;
  return { ...common, target: { ...target, content }, cannot: template.cannot(content, format, player), leftOut };
}

/** What the canonical assets leave out: each sample entry once, where somebody can play it; where nobody can, once with the reason. What the supplements add here, native clients play as well. */
function codecCells(planned: readonly Cell[], templates: readonly Template[], { targets, players, probes }: Pick<PlanInput, 'targets' | 'players' | 'probes'>): readonly Cell[] {
  const template = templates.find(({ breadth }) => breadth.everyOutput);
  if (template === undefined) return [];
  const added: Cell[] = [];
  const plays = ({ template: done, cannot, target: { content } }: Cell, entry: string): boolean => done === template && cannot === null && content.sampleEntries.includes(entry);
  const own = targets.filter(({ content }) => template.of(content));
  for (const entry of [...new Set(own.flatMap(({ content }) => content.sampleEntries))].toSorted()) {
    // Beside another codec of its kind it need not be what is heard.
    const alone = ({ target: { content } }: Cell): boolean => {
      const kind = content.tracks.find(({ codec }) => codec.split('.')[0] === entry)?.kind;
      return content.tracks.every((track) => track.kind !== kind || track.codec.split('.')[0] === entry);
    };
    if ([...planned, ...added].some((cell) => plays(cell, entry) && alone(cell))) continue;
    const having = own.filter(({ content }) => content.sampleEntries.includes(entry));
    const possible = having.flatMap((target) => [...probes].filter(([browser]) => !SUPPLEMENTS.includes(browser)).flatMap(([browser, probe]) => players.filter((player) => kindsIn(player, probe).includes(formatRow(target.format).kind)).map((player) => cellOf(target, player, browser, probe, template))));
    const rank = (cell: Cell): number => (plays(cell, entry) ? (alone(cell) ? 0 : 1) : cell.cannot !== null ? 2 : 3);
    const there = [...planned, ...added];
    const fresh = possible.filter((cell) => !there.some(({ id }) => cell.id === id) && (rank(cell) === 0 || !there.some((each) => plays(each, entry)))).toSorted((x, y) => rank(x) - rank(y) || x.target.content.mostPixels - y.target.content.mostPixels || (x.id < y.id ? -1 : 1));
    if (fresh.length > 0) added.push(fresh[0]);
  }
  return added;
}

/** One asset for each output: of those that the template can be tried on the one with most to choose from, then the lightest. */
function canonical(targets: readonly PlanTarget[], template: Template, player: PlayerRow): readonly PlanTarget[] {
  const inOrder = targets.toSorted((a, b) => FORMAT_IDS.indexOf(a.format) - FORMAT_IDS.indexOf(b.format));
  return [...Map.groupBy(inOrder, ({ format }) => format).values()].map((list) => {
    const rank = ({ content, format }: PlanTarget): readonly number[] => [
      template.cannot(content, formatRow(format), player) === null ? 0 : 1,
      content.protection?.system === 'licensed' ? 1 : 0,
      -Math.min(2, content.languages.length),
      -Math.min(2, content.qualities.length),
      content.mostPixels,
    ];
    return list.toSorted((a, b) => compare(rank(a), rank(b)) || (a.content.asset < b.content.asset ? -1 : 1))[0];
  });
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}
