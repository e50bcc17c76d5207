/** What clients are known to get wrong with any origin. An entry never skips a replay; one that passes makes the entry wrong. */
export type Defect = {
  readonly id: string;
  readonly player: string;
  /** Absent: in each. */
  readonly browsers?: readonly string[];
  readonly formats?: readonly string[];
  readonly assets?: readonly string[];
  readonly templates: readonly string[];
  readonly statement: string;
  /** Where the client's own project describes it. */
  readonly reference: string;
};

export const DEFECTS: readonly Defect[] = [];

type Replayed = { readonly player: { readonly name: string }; readonly browser: string; readonly target: { readonly format: string; readonly content: { readonly asset: string } }; readonly template: { readonly id: string } };

export function defectOf({ player, browser, target, template }: Replayed, defects: readonly Defect[] = DEFECTS): Defect | null {
  const has = (list: readonly string[] | undefined, value: string): boolean => list === undefined || list.includes(value);
  return defects.find((each) => each.player === player.name && has(each.browsers, browser) && has(each.formats, target.format) && has(each.assets, target.content.asset) && each.templates.includes(template.id)) ?? null;
}
