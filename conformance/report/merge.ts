/**
 * Several runs in one report: of devices, of other machines, of another day, of other assets. A replay that two runs have is
 * taken from the later one. Results are taken in of assets and outputs that were not judged before; their evidence stays where they were made.
 */
import type { ReplayDetail, ReplayRow, ReplaySection } from '../../spec/replay.ts';
import type { Report, Run } from '../../spec/report.ts';
import { tallyOf } from './model.ts';

export type Played = { readonly report: Report; readonly run: Run };

export function mergeRuns(first: Played, others: readonly Played[]): Played {
  const into = mergeResults(first, others);
  const all = [into, ...others];
  const sections = all.flatMap(({ report: { replay } }) => (replay === undefined ? [] : [replay]));
  if (sections.length === 0) return into;
  const rows = new Map<string, ReplayRow>();
  const details = new Map<string, ReplayDetail>();
  const players: Record<string, string> = {};
  for (const { report: { replay }, run } of all) {
    const own = new Map((run.replays ?? []).map((detail) => [detail.id, detail]));
    for (const row of replay?.rows ?? []) {
      rows.set(row.id, row);
      const detail = own.get(row.id);
      if (detail === undefined) details.delete(row.id);
      else details.set(row.id, detail);
    }
    // A run that could not tell a player's version does not unsay what another could.
    for (const [name, version] of Object.entries(replay?.players ?? {})) if (version !== '' || players[name] === undefined) players[name] = version;
  }
  const replay: ReplaySection = {
    templates: Object.assign({}, ...sections.map(({ templates }) => templates)) as ReplaySection['templates'],
    players,
    browsers: Object.assign({}, ...sections.map(({ browsers }) => browsers)) as ReplaySection['browsers'],
    rows: [...rows.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    staleDefects: [...new Set(sections.flatMap(({ staleDefects }) => staleDefects))],
  };
  return { report: { ...into.report, replay }, run: { ...into.run, replays: [...details.values()] } };
}

function mergeResults(into: Played, others: readonly Played[]): Played {
  const known = new Set(into.report.results.map(({ id }) => id));
  const added = others.flatMap(({ report: { results }, run }) => {
    const own = results.filter(({ id }) => !known.has(id));
    for (const { id } of own) known.add(id);
    return own.map((result) => ({ result, examined: run.examined[result.id] }));
  });
  if (added.length === 0) return into;
  const results = [...into.report.results, ...added.map(({ result }) => result)];
  const requirements = new Set([into.report, ...others.map(({ report }) => report)].flatMap((report) => Object.keys(report.requirements)));
  return {
    report: { ...into.report, ...tallyOf(results, [...requirements]), results, footer: { results: results.length } },
    run: { ...into.run, examined: { ...into.run.examined, ...Object.fromEntries(added.flatMap(({ result, examined }) => (examined === undefined ? [] : [[result.id, examined]]))) } },
  };
}
