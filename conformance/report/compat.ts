/** What replays say about players: as data, as the page that visitors read, and as measurements. */
import { COMPAT_SCHEMA, type Compat, type Support } from '../../spec/compat.ts';
import type { ReplayDetail, ReplayRow, ReplaySection } from '../../spec/replay.ts';
import type { Report, Run } from '../../spec/report.ts';
import { FORMAT_IDS } from '../../spec/requirement.ts';

const MAX_RANGES = 5;
const NONE: ReplaySection = { templates: {}, players: {}, browsers: {}, rows: [], staleDefects: [] };

export function compatOf({ templates, players, browsers, rows }: ReplaySection): Compat {
  const features: Compat['features'] = {};
  for (const format of FORMAT_IDS) {
    for (const [template, description] of Object.entries(templates)) {
      const own = rows.filter((row) => row.format === format && row.template === template);
      if (own.length === 0) continue;
      const support = Object.fromEntries([...Map.groupBy(own, clientOf)].map(([client, list]) => [client, { version: players[list[0].player] ?? '', browserVersion: browsers[list[0].browser]?.version ?? '', ...supportOf(list) }]));
      (features[format] ??= {})[template] = { description, support };
    }
  }
  return { schema: COMPAT_SCHEMA, features };
}

const clientOf = ({ player, browser }: ReplayRow): string => `${player}@${browser}`;

/** All pass: supported. Some do, or a defect is known: partial. What the browser or the player rules out is no support. */
function supportOf(rows: readonly ReplayRow[]): Pick<Support, 'support' | 'notes' | 'results'> {
  const passed = rows.filter(({ outcome }) => outcome === 'pass').length;
  const bad = rows.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn').length;
  const ruledOut = rows.filter(({ outcome }) => outcome === 'inapplicable').length;
  const support = passed > 0 ? (bad > 0 || ruledOut > 0 ? 'partial' : 'supported') : bad > 0 || ruledOut > 0 ? 'no' : 'unknown';
  const notes = rows.flatMap(({ outcome, asset, messages, known }) => (outcome === 'pass' ? [] : [`${asset}: ${known === undefined ? messages.join('; ') : `${known.reason} (${known.bug})`}`]));
  return { support, notes: [...new Set(notes)], results: rows.map(({ id }) => id) };
}

export function compatJson({ replay = NONE }: Report): string {
  return `${JSON.stringify(compatOf(replay), null, 1)}\n`;
}

const WORDS: Readonly<Record<Support['support'], string>> = { supported: 'yes', partial: '**partly**', no: 'no', unknown: '?' };

/** Without measured values, so that it can be committed. */
export function compatPage({ replay = NONE }: Report): string {
  const { features } = compatOf(replay);
  const clients = [...new Set(replay.rows.map(clientOf))].toSorted();
  const notes: string[] = [];
  const mark = (text: string): string => {
    const at = notes.indexOf(text);
    return `<sup>${at < 0 ? notes.push(text) : at + 1}</sup>`;
  };
  const cell = (support: Support | undefined): string => (support === undefined ? '' : `${WORDS[support.support]}${support.notes.slice(0, 3).map(mark).join(' ')}`);
  const table = Object.entries(features).flatMap(([format, own]) => Object.entries(own).map(([template, { support }]) => `| ${format} | ${template} | ${clients.map((client) => cell(support[client])).join(' | ')} |`));
  const version = (name: string): string => (replay.players[name] ?? '') === '' ? name : `${name} ${replay.players[name]}`;
  return [
    '# What plays where',
    '',
    'Real players in real browsers, judged by the pictures and sounds that came out, not by what the players say. An empty field was not tried.',
    '',
    `Players: ${Object.keys(replay.players).map(version).join(', ')}. Browsers: ${Object.values(replay.browsers).map(({ version: named }) => named).join(', ')}.`,
    '',
    `| output | what | ${clients.join(' | ')} |`,
    `|---|---|${clients.map(() => '---').join('|')}|`,
    ...table,
    '',
    ...Object.entries(replay.templates).map(([id, title]) => `- **${id}**: ${title}`),
    ...(notes.length === 0 ? [] : ['', '## Notes', '', ...notes.map((text, i) => `${i + 1}. ${text}`)]),
    ...(replay.staleDefects.length === 0 ? [] : ['', '## Known defects that did not show', '', ...replay.staleDefects.map((each) => `- ${each}`)]),
    '',
  ].join('\n');
}

/** Replay by replay, with what was measured. */
export function replayPage({ replay = NONE }: Report, run: Run): string {
  const details = new Map((run.replays ?? []).map((detail) => [detail.id, detail]));
  const head = ['replay', 'outcome', 'pictures', 'missing', 'offset', 'start', 'stalls', 'renditions', 'A/V', 'pilots', 'seeks', 'tries', 'why not'];
  const rows = replay.rows.map((row) => `| ${[row.id, row.outcome, ...measured(details.get(row.id)), (details.get(row.id)?.reasons ?? row.messages).join('; ').replaceAll('|', '\\|')].join(' | ')} |`);
  return ['# Replays', '', 'Offsets in frames × how often; start and A/V in milliseconds.', '', `| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows, ''].join('\n');
}

function measured(detail: ReplayDetail | undefined): readonly string[] {
  const seen = detail?.observation ?? null;
  if (detail === undefined || seen === null) return ['', '', '', '', '', '', '', '', '', ''];
  const { framesSeen, framesExpected, missing, offsets, startup, stalls, renditions, sync, pilots, seeks } = seen;
  const ranges = missing.slice(0, MAX_RANGES).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  const histogram = Object.entries(offsets).toSorted(([, a], [, b]) => b - a).slice(0, MAX_RANGES).map(([offset, count]) => `${offset}×${count}`);
  return [
    `${framesSeen}/${framesExpected}`,
    ranges.join(', ') + (missing.length > MAX_RANGES ? ' …' : ''),
    histogram.join(', '),
    `${startup ?? '–'}`,
    String(stalls),
    renditions.join(', '),
    sync === null ? '–' : `${sync.min}/${sync.median}/${sync.max}`,
    pilots.join(' → '),
    `${seeks.right}/${seeks.asked}`,
    detail.infrastructure > 0 ? `${detail.attempts} (${detail.infrastructure} lost)` : String(detail.attempts),
  ];
}
