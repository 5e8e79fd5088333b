// What the answers of the server mean, as figures that mislead nobody.
import {serverNow} from "./api_requests.js";
import {PHASES} from "./run_words.js";

/**
 * The name of a table as it is told from others: with its source, where there are several. Without `source` it is looked
 * for among `tables` (`source`, `name`); where several have one of that name, all of them are named.
 */
export function tableNamer(tables) {
  const all = [...tables],
    isOne = new Set(all.map(table => table.source)).size < 2;
  return (name, source = null) => {
    if (isOne) return name;
    if (!name) return source || "";
    const sources = !source ? all.filter(table => table.name === name).map(table => table.source) : [source];
    if (!sources.length) return name;
    return sources.length === 1 ? `${sources[0]}.${name}` : `${name} (of ${sources.join(" or ")})`;
  };
}

/** What a finding is about: table and column. An object of no single table has its source's label in place of one. */
export function whereFound(finding, nameOf) {
  const isOfSource = finding.kind === "skipped_object" && finding.table === finding.source;
  return [isOfSource ? finding.table : nameOf(finding.table, finding.source), finding.column].filter(Boolean).join(".");
}

/** The name of a schema object, with its table or source where there are several sources. */
export const ownedName = ({name, owner}, sources) => (sources.length > 1 && owner ? `${name} (${owner})` : name);

/** Rows of a run: `{total, loaded, quarantined}`. */
export const rowsOf = ({status: {rows}}) => ({total: rows.total, loaded: rows.done, quarantined: rows.quarantined});

/** The same of one table. */
export const rowsOfTable = table => ({
  total: table.rows_total,
  loaded: table.rows_done,
  quarantined: table.rows_quarantined,
});

/** Seconds spent in each phase so far, from the log: phase → {seconds, at}. A resumed run adds up. */
export function phaseTimes(events, isOver) {
  const spent = new Map();
  let last = null;
  for (const event of events) {
    if (event.kind !== "phase" && event.kind !== "failed") continue;
    if (last) add(spent, last, new Date(event.at));
    last = {phase: event.kind === "phase" ? event.data.phase : "", at: new Date(event.at)};
  }
  if (last && !isOver) add(spent, last, new Date());
  return spent;
}

function add(spent, {phase, at}, end) {
  const before = spent.get(phase);
  spent.set(phase, {seconds: (before?.seconds || 0) + Math.max(0, (end - at) / 1000), at: before?.at || at});
}

const BEFORE_THE_PLAN = ["pending", "snapshotting", "profiling"];
const OWN_ENDS = ["completed", "completed_with_findings"];

/** The phase that a run was stopped in; null: it was not, or that is not known. */
export const stoppedIn = ({status}) => status.stopped_in;

/** Whether the sources are read and measured, so that sizes are those of the whole. */
export const isMeasured = run => !BEFORE_THE_PLAN.includes(stoppedIn(run) ?? run.status.status);

/** When the work began and ended, and the seconds between: a rollback is later, and no part of it. */
export function spanOf({status, events, trouble, seenAt}) {
  const phaseAt = wanted => events.find(event => event.kind === "phase" && wanted(event.data.phase))?.at ?? null;
  const begun = status.started_at ?? phaseAt(phase => PHASES.includes(phase) && phase !== "pending");
  const ended =
    status.status === "rolled_back"
      ? (events.filter(event => event.kind === "phase" && OWN_ENDS.includes(event.data.phase)).pop()?.at ?? null)
      : status.finished_at;
  const isOpen = !status.finished;
  const upto = ended ?? (isOpen ? (trouble ? seenAt : serverNow()) : null);
  return {begun, ended, seconds: begun && upto ? Math.max(0, (new Date(upto) - new Date(begun)) / 1000) : null};
}

const QUIET_SECONDS = 20;

/** Seconds without progress, once they are worth a word; null: the run moves, stands still on purpose, or is over. */
export function quietSeconds(status, now) {
  if (status.finished || status.paused_at || status.status === "ready" || !status.last_progress_at) return null;
  const seconds = (now - new Date(status.last_progress_at)) / 1000;
  return seconds >= QUIET_SECONDS ? seconds : null;
}

/** Seconds until the copy is done, at each span of a throughput: as one would have said then, from the pace so far. */
export function secondsLeft(speed, totalRows) {
  let read = 0; // what is kept apart is done, too
  return speed.rows.map((rows, at) => {
    read += rows + speed.rows_quarantined[at];
    const passed = (at + 1) * speed.seconds_per_span;
    return read ? (Math.max(0, totalRows - read) * passed) / read : null;
  });
}

/** All workers, those at work first; null before the server has told of them. */
export function workersOf({cluster}) {
  if (!cluster) return null;
  return [...cluster.workers].sort(
    (a, b) => b.alive - a.alive || b.doing.length - a.doing.length || a.name.localeCompare(b.name),
  );
}

/** Sentences on what holds a run up: what the server says, and whom it misses. */
export function alertsOf({status}) {
  if (status.finished) return [];
  const said = [...status.waits];
  const isToldOf = word => said.some(sentence => sentence.toLowerCase().includes(word));
  if (status.producers_alive === 0 && !isToldOf("producer"))
    said.push("No producer is there: nobody moves this run until one is started.");
  if (status.workers_alive === 0 && !isToldOf("no worker") && !isToldOf("a worker is there"))
    said.push("No worker is there: nothing is done until one is started.");
  return said;
}
