/** `list` and `explain`: what is checked, and why. */
import { SuiteFault } from '../fault.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { clauseOf } from '../report/model.ts';
import { print } from './output.ts';

export function list({ requirements = false }: { readonly requirements?: boolean }): void {
  const lines = requirements ? loadRequirements().map(({ id, level, statement }) => `${id}\t${level}\t${statement}`) : CHECKS.map(({ id, level, title }) => `${id}\t${level}\t${title}`);
  for (const line of lines) print(line);
}

/** `named` may be the id of a result, as a run prints it: the check, then the subject. */
export function explain(named: string): void {
  const [id] = named.replace(/:$/, '').split(' ');
  const requirements = loadRequirements();
  const check = CHECKS.find((each) => each.id === id);
  const wanted = check === undefined ? requirements.filter((each) => each.id === id) : requirements.filter((each) => check.requirements.includes(each.id));
  if (check === undefined && wanted.length === 0) throw new SuiteFault('usage', `no check or requirement is called ${id}`);
  if (check !== undefined) print(`${check.id} (${check.level}): ${check.title}`);
  for (const requirement of wanted) {
    const { id: name, level, statement, formats, deviations = [] } = requirement;
    print(`${name} ${clauseOf(requirement)}, ${level}: ${statement}`);
    print(`  formats: ${formats.join(' ')}`);
    for (const deviation of deviations) print(`  deviation of ${deviation.formats.join(' ')}: ${deviation.reason}`);
    if (check === undefined) print(`  checks: ${CHECKS.filter(({ requirements: covered }) => covered.includes(name)).map((each) => each.id).join(' ')}`);
  }
}
