/** Replays as data of report.html: rows by output, template and client, each with what it left behind as far as there is room. */
import type { ReplayDetail } from '../../spec/replay.ts';
import type { Report, Run } from '../../spec/report.ts';
import { FORMAT_IDS } from '../../spec/requirement.ts';
import { leftOutNote } from './compat.ts';
import { embed } from './embed.ts';
import { WORST } from './model.ts';
import type { PageReplays } from './pagedata.ts';

/** Evidence is mostly thumbnails: some three thousand bytes each. */
export const REPLAY_BUDGET = { rows: 5000, evidenceBytes: 1_600_000 } as const;

export function replaysOf({ replay }: Report, run: Run): PageReplays | null {
  if (replay === undefined || replay.rows.length === 0) return null;
  const order = new Map(WORST.map((outcome, i) => [outcome, i]));
  const rows = replay.rows.toSorted((a, b) => (order.get(a.outcome) ?? 0) - (order.get(b.outcome) ?? 0) || (a.id < b.id ? -1 : 1)).slice(0, REPLAY_BUDGET.rows);
  const named = new Map(rows.map(({ player, browser }) => [`${player}@${browser}`, { player, browser, playerVersion: replay.players[player] ?? '', browserVersion: replay.browsers[browser]?.version ?? '' }] as const));
  const clients = [...named.values()].toSorted((a, b) => (a.player === b.player ? (a.browser < b.browser ? -1 : 1) : a.player < b.player ? -1 : 1));
  const templates = Object.entries(replay.templates);
  const formats = [...FORMAT_IDS, ...new Set(rows.map(({ format }) => format))].filter((format, i, all) => all.indexOf(format) === i && rows.some((row) => row.format === format));
  const details = new Map((run.replays ?? []).map((detail) => [detail.id, detail]));
  let bytes = 0;
  let left = 0;
  const bounded = (detail: ReplayDetail): ReplayDetail => {
    bytes += embed(detail.evidence).length;
    if (detail.evidence === null || bytes <= REPLAY_BUDGET.evidenceBytes) return detail;
    left++;
    return { ...detail, evidence: null };
  };
  return {
    clients,
    templates,
    formats,
    rows: rows.map((row) => {
      const { id, template, asset, format, player, browser, outcome, messages, known } = row;
      const note = leftOutNote(row);
      return {
      id,
      template: templates.findIndex(([name]) => name === template),
      format: formats.indexOf(format),
      client: clients.findIndex((client) => client.player === player && client.browser === browser),
      asset,
      outcome,
      messages: note === '' ? messages : [...messages, note],
      known: known ?? null,
      detail: details.has(id) ? bounded(details.get(id) as ReplayDetail) : null,
      };
    }),
    stale: replay.staleDefects,
    left: { rows: replay.rows.length - rows.length, evidence: left },
  };
}
