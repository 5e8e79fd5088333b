// Two runs beside each other: figures, phases, findings, tables.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {ProblemError, RUNS, ask} from "./api_requests.js";
import {draw, showTrouble} from "./page_screen.js";
import {MODE_SAID, badge} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {count, dayAndTime, duration, number, size, words} from "./text_formats.js";

const MOST_TABLES = 200;

/** Where a run's tables go: the sources of tenants have the same names. */
const placeOf = run => (run.target ? `${run.target}, schema ${run.target_schema}` : `schema ${run.target_schema}`);

export function comparisonPage(_, parameters) {
  const sides = {a: parameters.get("a") || "", b: parameters.get("b") || ""},
    reports = {a: null, b: null},
    refusals = {a: "", b: ""};
  let runs = null,
    isClosed = false;

  async function load(side) {
    reports[side] = null;
    refusals[side] = "";
    const id = sides[side];
    if (!id) return;
    try {
      const report = await ask(`${RUNS}/${encodeURIComponent(id)}/summary`);
      if (sides[side] === id) reports[side] = report;
    } catch (error) {
      if (error instanceof ProblemError) refusals[side] = error.message;
      else showTrouble(error, null, loadAll);
    }
    if (!isClosed) show();
  }

  async function loadAll() {
    try {
      runs = (await ask(`${RUNS}?limit=200`)).runs;
      if (isClosed) return;
      showTrouble(null);
      await Promise.all([load("a"), load("b")]);
    } catch (error) {
      if (!isClosed) showTrouble(error, null, loadAll);
    }
    if (!isClosed) show();
  }

  function choose(side, id) {
    sides[side] = id;
    history.replaceState(null, "", `#/compare?a=${sides.a}&b=${sides.b}`);
    show();
    load(side);
  }

  function picker(side, label) {
    const known = (runs || []).filter(run => run.finished_at),
      chosen = known.find(run => run.run_id === sides[side]);
    // A list shows as much of a line as it is wide: what is chosen stands below it, whole.
    return html`<div class="picker">
      <label
        >${label}
      <select @change=${event => choose(side, event.target.value)}>
        <option value="" ?selected=${!sides[side]}>Choose a finished run</option>
        ${sides[side] && !chosen ? html`<option value=${sides[side]} selected>${sides[side]}</option>` : nothing}
        ${known.map(
          run =>
            html`<option value=${run.run_id} ?selected=${run.run_id === sides[side]}>
              ${run.sources.join(", ")} · ${MODE_SAID[run.mode]} into ${placeOf(run)} ·
              ${new Date(run.created_at).toLocaleString("en-GB", {dateStyle: "medium", timeStyle: "short"})} ·
              …${run.run_id.slice(-6)}
            </option>`,
        )}
      </select></label
    >
      ${
        sides[side]
          ? html`<p class="soft small-text">
              ${chosen ? html`${MODE_SAID[chosen.mode]} into ${breakable(placeOf(chosen))} · ` : nothing}<span
                class="id any-break"
                >${sides[side]}</span
              >
            </p>`
          : nothing
      }
    </div>`;
  }

  function show() {
    const {a, b} = reports;
    draw(
      "content",
      html`<div class="head"><h1 tabindex="-1">Compare two runs</h1></div>
        <div class="card">
          <div class="fields">${picker("a", "First run")}${picker("b", "Second run")}</div>
          ${["a", "b"].map(side => (refusals[side] ? html`<p class="warn-text">${side === "a" ? "First" : "Second"} run: ${refusals[side]}</p>` : nothing))}
        </div>
        ${a && b ? both(a, b) : html`<p class="soft">${runs === null ? "Asking the server …" : "Choose two finished runs: a dry-run and its migration, or the same migration twice."}</p>`}`,
    );
  }

  show();
  loadAll();
  return {
    title: "Compare two runs",
    close() {
      isClosed = true;
    },
  };
}

const sum = (report, name) => report.tables.reduce((total, table) => total + (table[name] || 0), 0);
const findingKey = finding =>
  [finding.kind, finding.table, finding.column, finding.key, finding.message].join("\u0000");

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
      <div>${badge(report.status)}</div>`;
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
  const keysA = new Set(a.findings.map(findingKey)),
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
              ${figure("Rows loaded", sum(a, "rows_loaded"), sum(b, "rows_loaded"))}
              ${figure("Rows in quarantine", a.quarantine.total, b.quarantine.total)}
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
              ${phases.map(phase => figure(words(phase), seconds(a, phase), seconds(b, phase), duration))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
    <div class="two">
      ${findingsOf("Findings of the first alone", onlyA)}${findingsOf("Findings of the second alone", onlyB)}
    </div>
    ${tablesOf(a, b)}`;
}

const findingsOf = (title, findings) =>
  html`<section class="card">
    <h2>${title}</h2>
    ${
      findings.length
        ? html`<ul class="findings">
              ${findings.slice(0, 50).map(
                finding =>
                  html`<li>
                    <strong>${words(finding.kind)}</strong>
                    ${breakable([finding.table, finding.column].filter(Boolean).join("."))}
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
