// Two runs beside each other: figures, phases, findings, tables.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask} from "./api_requests.js";
import {announce, draw} from "./page_screen.js";
import {tableNamer, whereFound} from "./run_figures.js";
import {MODE_SAID, badge, copies, phaseSaid, placeOf} from "./run_words.js";
import {SectionQuestion} from "./section_question.js";
import {breakable, html} from "./shown_text.js";
import {count, dayAndTime, duration, number, size, words} from "./text_formats.js";

const MOST_TABLES = 200;

/** `migration into schema shop`, `comparison with blue, schema shop`. */
const purposeSaid = run =>
  `${MODE_SAID[run.mode]} ${copies(run.mode) ? "into" : "with"} ${run.target || run.schema_per_source ? "" : "schema "}${placeOf(run)}`;

export function comparisonPage(_, parameters) {
  const sides = {a: parameters.get("a") || "", b: parameters.get("b") || ""};
  let isClosed = false,
    said = "";
  const onNews = () => {
    if (isClosed) return;
    const trouble = Object.values(questions).find(question => question.trouble)?.trouble.message ?? "";
    if (trouble !== said) announce(trouble || "The server has told what was missing.");
    said = trouble;
    show();
  };
  const questions = {runs: new SectionQuestion(onNews), a: new SectionQuestion(onNews), b: new SectionQuestion(onNews)};

  function load(side) {
    const id = sides[side];
    questions[side].forget();
    if (id) questions[side].ask(() => ask(`${RUNS}/${encodeURIComponent(id)}/summary`));
  }

  function choose(side, id) {
    sides[side] = id;
    history.replaceState(null, "", `#/compare?a=${sides.a}&b=${sides.b}`);
    load(side);
    show();
  }

  function picker(side, label) {
    const known = (questions.runs.answer ?? []).filter(run => run.finished_at),
      chosen = known.find(run => run.run_id === sides[side]);
    // A list shows as much of a line as it is wide: what is chosen stands below it, whole.
    return html`<div class="picker">
      <label
        >${label}
      <select @change=${event => choose(side, event.target.value)}>
        <option value="" ?selected=${!sides[side]}>Choose a run that has ended or is held</option>
        ${sides[side] && !chosen ? html`<option value=${sides[side]} selected>${sides[side]}</option>` : nothing}
        ${known.map(
          run =>
            html`<option value=${run.run_id} ?selected=${run.run_id === sides[side]}>
              ${run.sources.join(", ")} · ${purposeSaid(run)} ·
              ${new Date(run.created_at).toLocaleString("en-GB", {dateStyle: "medium", timeStyle: "short"})} ·
              …${run.run_id.slice(-6)}
            </option>`,
        )}
      </select></label
    >
      ${
        sides[side]
          ? html`<p class="soft small-text">
              ${chosen ? html`${breakable(purposeSaid(chosen))} · ` : nothing}<span
                class="id any-break"
                >${sides[side]}</span
              >
            </p>`
          : nothing
      }
    </div>`;
  }

  function show() {
    const {answer: a, trouble: noA} = questions.a,
      {answer: b, trouble: noB} = questions.b;
    const isAsking = (sides.a && !a && !noA) || (sides.b && !b && !noB) || (!questions.runs.answer && !questions.runs.trouble);
    draw(
      "content",
      html`<div class="head"><h1 tabindex="-1">Compare two runs</h1></div>
        <div class="card">
          <div class="fields">${picker("a", "First run")}${picker("b", "Second run")}</div>
          ${[
            ["runs", "The list of runs"],
            ["a", "First run"],
            ["b", "Second run"],
          ].map(([name, label]) => (questions[name].trouble ? html`<div class="told-by">${label}: ${questions[name].said()}</div>` : nothing))}
        </div>
        ${
          a && b
            ? both(a, b)
            : isAsking
              ? html`<p class="soft">Asking the server …</p>`
              : sides.a && sides.b
                ? nothing
                : html`<p class="soft">Choose two finished runs: a dry-run and its migration, or the same migration twice.</p>`
        }`,
    );
  }

  show();
  questions.runs.ask(async () => (await ask(`${RUNS}?limit=200`)).runs);
  load("a");
  load("b");
  return {
    title: "Compare two runs",
    close() {
      isClosed = true;
      for (const question of Object.values(questions)) question.close();
    },
  };
}

// A comparison reads what others have loaded: of it there is no such figure, rather than 0.
const rowsLoaded = report => (copies(report.mode) ? sum(report, "rows_loaded") : null);
const rowsKept = report => (copies(report.mode) ? sum(report, "rows_quarantined") : null);
const sum = (report, name) => report.tables.reduce((total, table) => total + (table[name] || 0), 0);
/** Runs of one source are compared whatever it is called in each. */
const findingKeyer = (...reports) => {
  const isOne = reports.every(report => report.sources.length < 2);
  return ({kind, source, table, column, key, message}) =>
    [kind, isOne ? "" : source, table, column, key, message].join("\u0000");
};

/** How the second differs from the first, with its sign; for durations also by what factor. */
function change(first, second, form) {
  if (first === second) return "same";
  if (first === null || second === null || first === undefined || second === undefined) return "–";
  const by = `${second > first ? "+" : "−"}${form(Math.abs(second - first))}`;
  return first > 0 && form === duration ? `${by} (×${(second / first).toFixed(2)})` : by;
}

function figure(name, first, second, form = number) {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="num">${form(first)}</td>
    <td class="num">${form(second)}</td>
    <td class="num soft">${change(first, second, form)}</td>
  </tr>`;
}

function both(a, b) {
  const name = report =>
    html`${breakable(report.sources.map(source => source.label).join(", "))}
      <span class="soft small-text">${MODE_SAID[report.mode]}, ${dayAndTime(report.created_at)}</span>
      <div>${badge(report.status, report.mode)}</div>`;
  const head = html`<thead>
    <tr>
      <th><span class="unseen">What</span></th>
      <th class="num"><a href=${`#/runs/${a.run_id}`}>First</a></th>
      <th class="num"><a href=${`#/runs/${b.run_id}`}>Second</a></th>
      <th class="num">Change</th>
    </tr>
  </thead>`;
  const seconds = (report, phase) => report.phases.find(entry => entry.name === phase)?.seconds ?? null;
  const phases = [...new Set([...a.phases, ...b.phases].map(phase => phase.name))];
  const findingKey = findingKeyer(a, b),
    keysA = new Set(a.findings.map(findingKey)),
    keysB = new Set(b.findings.map(findingKey));
  const onlyA = a.findings.filter(finding => !keysB.has(findingKey(finding))),
    onlyB = b.findings.filter(finding => !keysA.has(findingKey(finding)));
  return html`<div class="two">
      <div class="card">
        <h2>First</h2>
        ${name(a)}
        <p>${a.verdict.headline}</p>
      </div>
      <div class="card">
        <h2>Second</h2>
        ${name(b)}
        <p>${b.verdict.headline}</p>
      </div>
    </div>
    <div class="two">
      <section class="card flush" aria-labelledby="figures-head">
        <div class="card-head"><h2 id="figures-head">Figures</h2></div>
        <div class="scroll" tabindex="0" role="region" aria-label="Figures, side by side">
          <table>
            ${head}
            <tbody>
              ${figure("Tables", a.tables.length, b.tables.length)}
              ${figure("Rows in the sources", sum(a, "rows_source"), sum(b, "rows_source"))}
              ${figure("Rows loaded", rowsLoaded(a), rowsLoaded(b))}
              ${figure("Rows in quarantine", rowsKept(a), rowsKept(b))}
              ${figure("Size", sum(a, "bytes"), sum(b, "bytes"), size)}
              ${figure("Findings", a.findings_total, b.findings_total)}
              ${figure("Attempts beyond the first", a.retries, b.retries)}
              ${figure("Time taken", a.seconds, b.seconds, duration)}
            </tbody>
          </table>
        </div>
      </section>
      <section class="card flush" aria-labelledby="phases-head">
        <div class="card-head"><h2 id="phases-head">Phases</h2></div>
        <div class="scroll" tabindex="0" role="region" aria-label="Phases, side by side">
          <table>
            ${head}
            <tbody>
              ${phases.map(phase => figure(phaseSaid(phase, a.mode === b.mode ? a.mode : null), seconds(a, phase), seconds(b, phase), duration))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
    <div class="two">
      ${findingsOf("Findings of the first alone", onlyA, tableNamer(a.tables))}${findingsOf("Findings of the second alone", onlyB, tableNamer(b.tables))}
    </div>
    ${tablesOf(a, b)}`;
}

const findingsOf = (title, findings, nameOf) =>
  html`<section class="card">
    <h2>${title}</h2>
    ${
      findings.length
        ? html`<ul class="findings">
              ${findings.slice(0, 50).map(
                finding =>
                  html`<li>
                    <strong>${words(finding.kind)}</strong>
                    ${breakable(whereFound(finding, nameOf))}
                    <div class="soft">${finding.message}</div>
                  </li>`,
              )}
            </ul>
            ${findings.length > 50 ? html`<p class="soft">and ${count(findings.length - 50, "more finding")}</p>` : nothing}`
        : html`<p class="soft">None.</p>`
    }
  </section>`;

function tablesOf(a, b) {
  const key = table => `${table.source}.${table.name}`,
    first = new Map(a.tables.map(table => [key(table), table])),
    second = new Map(b.tables.map(table => [key(table), table]));
  const differing = [...new Set([...first.keys(), ...second.keys()])].filter(name => {
    const left = first.get(name),
      right = second.get(name);
    return (
      !left ||
      !right ||
      left.rows_source !== right.rows_source ||
      left.rows_quarantined !== right.rows_quarantined ||
      (left.digest_source && right.digest_source && left.digest_source !== right.digest_source)
    );
  });
  const rows = table =>
    table
      ? `${number(table.rows_source)}${table.rows_quarantined ? `, ${number(table.rows_quarantined)} kept out` : ""}`
      : "not there";
  return html`<section class="card flush" aria-labelledby="differ-head">
    <div class="card-head">
      <h2 id="differ-head">Tables that differ</h2>
      <span class="soft"
        >${number(differing.length)} of ${number(new Set([...first.keys(), ...second.keys()]).size)}</span
      >
    </div>
    ${
      differing.length
        ? html`<div class="scroll" tabindex="0" role="region" aria-label="Tables that differ, side by side">
            <table>
              <thead>
                <tr>
                  <th>Table</th>
                  <th class="num">Rows, first</th>
                  <th class="num">Rows, second</th>
                </tr>
              </thead>
              <tbody>
                ${differing.slice(0, MOST_TABLES).map(
                  name =>
                    html`<tr>
                      <td>${breakable(name)}</td>
                      <td class="num">${rows(first.get(name))}</td>
                      <td class="num">${rows(second.get(name))}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
        : html`<p class="soft pad">Both hold the same rows in the same tables.</p>`
    }
  </section>`;
}
