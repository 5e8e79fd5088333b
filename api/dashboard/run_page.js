// One run, live: where it is, what it does, what it found, and what can be done to it.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {ChunkMap} from "./chunk_map.js";
import {FindingsList, QuarantineBrowser} from "./found_trouble.js";
import {whichTable} from "./event_words.js";
import {LiveRun} from "./live_run.js";
import {announce, copyText, draw, showTrouble} from "./page_screen.js";
import {actionBar, refreshDialog} from "./run_actions.js";
import {alertsOf, rowsOf, tableNamer} from "./run_figures.js";
import {eventLog, figures, phaseTimeline, progressLine, workerList} from "./run_sections.js";
import {MODE_SAID, WAYS_ON, badge, copies, phaseSaid, stateOf} from "./run_words.js";
import {breakable, html, visibleLine} from "./shown_text.js";
import {TableList} from "./table_list.js";
import {count} from "./text_formats.js";
import {ThroughputChart} from "./throughput_chart.js";

const EVENTS_AT_ONCE = 100;
const PARTS = {map: "chunks", speed: "speed", cluster: "workers", events: "events"};

export function runPage([id]) {
  let eventsShown = EVENTS_AT_ONCE,
    isQueued = false,
    isClosed = false,
    lastSaid = "",
    lastMap = null,
    silent = "",
    done = "";
  // Answers come in bursts: what they change is drawn once, with the next frame.
  const redraw = () => {
    if (isQueued || isClosed) return;
    isQueued = true;
    requestAnimationFrame(() => {
      isQueued = false;
      if (!isClosed) show();
    });
  };
  const chunks = new ChunkMap(id, redraw),
    findings = new FindingsList(id, redraw),
    quarantine = new QuarantineBrowser(id, redraw);
  const tables = new TableList(redraw, (source, table, name) => chunks.choose(source, table, name));
  const chart = new ThroughputChart();
  const run = new LiveRun(id, onNews);

  function onNews() {
    showTrouble(run.isUnknown ? null : run.trouble, run.seenAt, () => run.askAll());
    if (run.status) {
      findings.refresh(run.status.findings);
      quarantine.refresh(rowsOf(run).quarantined);
      if (run.map !== lastMap) {
        lastMap = run.map;
        chunks.refresh();
      }
      say();
      sayWhatIsMissing();
    }
    redraw();
  }

  /** What a listener has to know: a new state, a new reason to wait. Not each figure. */
  function say() {
    const {status} = run;
    const sentence = [`Run ${phaseSaid(stateOf(status), status.mode)}.`, ...alertsOf(run), status.error || ""].filter(Boolean).join(" ");
    if (sentence !== lastSaid) announce(sentence);
    lastSaid = sentence;
  }

  /** Parts of the page that the server does not tell now, and that it tells them again. */
  function sayWhatIsMissing() {
    const now = run.trouble ? silent : Object.keys(PARTS).filter(name => run.troubles.has(name)).map(name => PARTS[name]).join(", ");
    if (now === silent) return;
    announce(now ? `The server does not tell now: ${now}.` : `The server tells again: ${silent}.`);
    silent = now;
  }

  /** In which table it failed, where the name in the sentence is one of several. */
  function whereSaid(nameOf) {
    const failure = run.events.filter(event => event.kind === "failed").pop();
    return failure ? whichTable(failure.data, nameOf) : "";
  }

  function onActed(name, answer) {
    if (name === "rollback") {
      done = `Rolled back: ${count(answer.objects.length, "object")} put back or removed.${answer.kept_schemas.length ? ` What was written since is kept in ${answer.kept_schemas.join(", ")}.` : ""}`;
    } else {
      done = answer.note || "";
    }
    run.askAll();
    redraw();
  }

  function title() {
    const ofTables = [...new Set([...run.tables.values()].map(table => table.source))];
    const sources = ofTables.length ? ofTables : (run.status?.sources ?? []); // before the plan there are no tables
    if (!sources.length) return "Run";
    return sources.length > 4 ? `${sources.slice(0, 3).join(", ")} and ${sources.length - 3} more` : sources.join(", ");
  }

  function show() {
    if (run.isUnknown) {
      draw(
        "content",
        html`<h1 tabindex="-1">No such run</h1>
          <p>
            This server's ledger has no run with the id <code>${breakable(id)}</code>. It may belong to another target,
            or have been purged. <a href="#/runs">All runs</a>.
          </p>`,
      );
      return;
    }
    if (!run.status) {
      draw(
        "content",
        html`<h1 tabindex="-1">Run</h1>
          <p class="soft">${run.trouble ? "The server has not told of this run yet. It is asked again and again; the bar above says what keeps it." : "Asking the server …"}</p>`,
      );
      return;
    }
    const {status} = run,
      rows = rowsOf(run),
      alerts = alertsOf(run),
      nameOf = tableNamer(run.tables.values());
    draw(
      "content",
      html` <div class="head">
          <div>
            <h1 tabindex="-1">${breakable(title())}</h1>
            <p class="soft small-text">
              ${MODE_SAID[status.mode]}${status.target ? ` ${copies(status.mode) ? "into" : "with"} ${status.target}` : ""} · <code class="id">${status.run_id}</code>
              <button type="button" class="link" @click=${event => copyText(event, status.run_id)}>Copy id</button>
            </p>
          </div>
          ${badge(stateOf(status), status.mode)}
        </div>
        ${
          alerts.length
            ? html`<ul class="alerts" aria-label="What holds it up">
                ${alerts.map(sentence => html`<li>${sentence}</li>`)}
              </ul>`
            : nothing
        }
        ${
          status.error
            ? html`<div class="failure">
                <h2>Why it ${status.status === "failed" ? "failed" : "stopped"}</h2>
                <p>${status.error}${status.status === "failed" ? whereSaid(nameOf) : ""}</p>
                ${WAYS_ON[status.way_on] ? html`<p>${WAYS_ON[status.way_on]}</p>` : nothing}
              </div>`
            : nothing
        }
        ${done ? html`<p class="done-note">${done}</p>` : nothing}
        <section class="card" aria-label="Progress">
          ${phaseTimeline(run)}${progressLine(run)}${figures(run)}
          <div class="bar-of-acts">
            ${actionBar(run, id, onActed)}
            ${status.finished ? html`<a class="button" href=${`#/runs/${id}/report`}>Report</a>` : nothing}
            <a class="button" href=${`#/compare?a=${id}`}>Compare</a>
          </div>
        </section>
        <div class="columns">
          <div>${tables.view(run)}${chunks.view(run)}${quarantine.view(rows.quarantined, nameOf, status.mode === "dry-run")}${findings.view(status.findings, nameOf)}</div>
          <div>
            ${chart.view(run)}${workerList(run, id)}
            ${eventLog(run, eventsShown, () => {
              eventsShown += EVENTS_AT_ONCE;
              redraw();
            })}
          </div>
        </div>`,
    );
    chart.update(run);
    refreshDialog();
    document.title = visibleLine(
      `${title()}: ${phaseSaid(stateOf(status), status.mode)}${status.finished ? "" : ` ${Math.floor(status.percent)} %`} · Convoy`,
    );
  }

  show();
  return {
    title: "Run",
    close() {
      isClosed = true;
      run.close();
      chunks.close();
      findings.close();
      quarantine.close();
      chart.close();
    },
  };
}
