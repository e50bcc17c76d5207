/** All operators: every way to go wrong times every area. */
import { formatRow } from '../../outputs.ts';
import type { Exchange } from '../../trace.ts';
import { ANSWER_OPERATORS } from './answers.ts';
import { fragmentOperators, headerOperators } from './boxes.ts';
import { lineOperators } from './lines.ts';
import { markupOperators } from './markup.ts';
import type { Operator } from './operator.ts';
import { transportOperators } from './packets.ts';
import { isWebVtt, TEXT_OPERATORS } from './texts.ts';

const kindOf = ({ role }: Exchange): 'dash' | 'hls' | 'smooth' => formatRow(role.format).kind;
const container = ({ role }: Exchange): 'fmp4' | 'ts' => formatRow(role.format).container;
const isSegment = ({ role }: Exchange): boolean => role.kind === 'segment' || role.kind === 'keyframe';

export const OPERATORS: readonly Operator[] = [
  ...markupOperators('mpd', (exchange) => exchange.role.kind === 'manifest' && kindOf(exchange) === 'dash'),
  ...markupOperators('smooth manifest', (exchange) => exchange.role.kind === 'manifest' && kindOf(exchange) === 'smooth'),
  ...lineOperators('multivariant playlist', (exchange) => exchange.role.kind === 'manifest' && kindOf(exchange) === 'hls'),
  ...lineOperators('media playlist', (exchange) => exchange.role.kind === 'playlist'),
  ...headerOperators(({ role }) => role.kind === 'init'),
  ...fragmentOperators((exchange) => isSegment(exchange) && container(exchange) === 'fmp4'),
  ...transportOperators((exchange) => isSegment(exchange) && container(exchange) === 'ts' && !isWebVtt(exchange)),
  ...TEXT_OPERATORS,
  ...ANSWER_OPERATORS,
];
