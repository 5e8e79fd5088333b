// What the log of a run says, a sentence for each kind of entry: never the names and values that programs read.
import {PHASE_TELLS} from "./run_words.js";
import {count, words} from "./text_formats.js";

const BEGUN = phase => `${words(phase)[0].toUpperCase()}${words(phase).slice(1)}: ${PHASE_TELLS[phase]}.`;

const PHASE_SAID = {
  pending: () => "The run waits for a producer.",
  completed: () => "The run is completed.",
  completed_with_findings: () => "The run is completed, with findings.",
  ready: () => "Everything is proved. The run is held, and waits for somebody to let it cut over.",
  failed: left => `The run has failed${during(left)}.`,
  cancelled: left => `The run is cancelled${during(left)}.`,
  rolled_back: () => "The run is rolled back.",
};

const ACT_SAID = {
  started: "Started by",
  resumed: "Resumed by",
  given_up: "Given up, never to be resumed, by",
  cutover_asked: "The cutover was asked for by",
  cut_over: "Cut over on behalf of",
  retried: "Rows of the quarantine were tried again by",
  rolled_back: "Rolled back by",
  cancelled: "Cancelled by",
  paused: "Paused by",
  purged: "Cleaned up by",
};

/** ` during profiling`, ` before it began`, ` while it was held`; nothing where it is not known. */
export function during(phase) {
  if (!phase) return "";
  return {pending: " before it began", ready: " while it was held"}[phase] || ` during ${words(phase)}`;
}

const ofPhase = data => (data.phase ? ` of ${words(data.phase)}` : "");
/** A reason that the server gives, as the end of a sentence. */
const because = reason => (reason ? `: ${reason}${/[.!?:`]$/.test(reason) ? "" : "."}` : ".");
const who = data => `${data.person || "somebody"}${data.host ? ` at ${data.host}` : ""}`;

/** Sentences by kind. `left` is the phase that the run was in before. */
const SAID = {
  phase: (data, left) =>
    PHASE_SAID[data.phase]?.(left) ?? (PHASE_TELLS[data.phase] ? BEGUN(data.phase) : "The run has moved on."),
  planned: data => `Planned: ${count(data.chunks, "chunk")} of ${count(data.tables, "table")}.`,
  sent: data => `${count(data.steps, "step")}${ofPhase(data)} went to the workers.`,
  resend: data =>
    `${count((data.lost || 0) + (data.stalled || 0), "step")}${ofPhase(data)} will be sent again: ${[
      data.lost ? `the messages of ${data.lost} were lost` : "",
      data.stalled ? `the workers of ${data.stalled} were heard of no more` : "",
    ]
      .filter(Boolean)
      .join(", ")}.`,
  step_failed: data =>
    data.final
      ? `A step${ofPhase(data)} failed, and is not tried again${because(data.error)}`
      : `A step${ofPhase(data)} failed, and is tried again${because(data.error)}`,
  worker_stopped: data => `The connections of the silent worker ${data.worker || ""} were ended, so that its work can go on.`,
  waiting: data => `It waits${because(data.reason)}`,
  failed: data => `It failed${during(data.phase)}${because(data.error)}`,
  paused: data => `It stands still${during(data.phase)}.`,
  resume: () => "It goes on.",
  cutover: () => "The producer was told to cut over.",
  retry: data =>
    `Of the quarantine, ${count(data.stored || 0, "row")} could be stored, and ${count(data.remaining || 0, "row")} stayed.`,
  act: data => `${ACT_SAID[data.act] || "Something was asked for by"} ${who(data)}.`,
  dry_run: () => "The dry-run has made its estimate.",
};

// What workers do may be written down while the run is being ended: it belongs to the phase before.
const OF_WORK = new Set(["planned", "sent", "resend", "step_failed", "worker_stopped", "waiting"]);
const isStop = event => event.kind === "phase" && event.data.phase !== "ready" && !(event.data.phase in PHASE_TELLS);

/** The log with a sentence for each entry, in the order in which a person reads it: `{event, said}`. */
export function sentencesOf(events) {
  const ordered = [];
  let endAt = null,
    left = null;
  for (const event of events) {
    const entry = {event, said: (SAID[event.kind] || (() => "Something that this page has no words for."))(event.data, left)};
    if (OF_WORK.has(event.kind) && endAt !== null) {
      ordered.splice(endAt++, 0, entry);
      continue;
    }
    if (isStop(event)) endAt = ordered.length;
    else if (event.kind === "phase" || event.kind === "resume") endAt = null;
    if (event.kind === "phase" && !isStop(event)) left = event.data.phase;
    ordered.push(entry);
  }
  return ordered;
}
