// The report of a finished run: the verdict in three parts, what became of each table and column, what to do next.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask, fetchFile} from "./api_requests.js";
import {recommendations} from "./dry_run_verdict.js";
import {findingLine} from "./found_trouble.js";
import {draw, pasteBlock, saveFile, showTrouble} from "./page_screen.js";
import {ownedName, tableNamer} from "./run_figures.js";
import {MODE_SAID, badge, copies, equalitySaid, phaseSaid, rowsSaid} from "./run_words.js";
import {isRefusal, restAfter} from "./section_question.js";
import {breakable, html, visibleLine} from "./shown_text.js";
import {count, dayAndTime, duration, number, size, words} from "./text_formats.js";

const PAGE = 100;
const LEVELS = {proved: "good", attention: "warn", failed: "bad", neutral: "ended"};
const PART_SAID = {
  equal: ["good", "✓", "equal"],
  differs: ["warn", "!", "differs"],
  not_checked: ["ended", "–", "not compared"],
};

const NONE_KNOWN = {
  failed: "the run failed before it had read them",
  cancelled: "the run was cancelled before it had read them",
  completed: "the sources have none",
  completed_with_findings: "there was none to look at",
};

export function reportPage([id]) {
  let report = null,
    refusal = "",
    timer = 0,
    nameOf = name => name,
    isClosed = false,
    tablesShown = PAGE,
    objectsShown = PAGE;

  async function load() {
    clearTimeout(timer);
    try {
      report = await ask(`${RUNS}/${encodeURIComponent(id)}/summary`);
      if (isClosed) return;
      nameOf = tableNamer(report.tables);
      showTrouble(null);
    } catch (error) {
      if (isClosed) return;
      if (isRefusal(error)) refusal = error.message;
      else {
        showTrouble(error, null, load);
        timer = setTimeout(load, restAfter(error));
      }
    }
    if (!isClosed) show();
  }

  async function save(name, file) {
    try {
      saveFile(await fetchFile(`${RUNS}/${encodeURIComponent(id)}/${name}`), file);
      if (!isClosed) showTrouble(null);
    } catch (error) {
      if (!isClosed) showTrouble(error, null, () => save(name, file));
    }
  }

  function part(name, told) {
    const [look, sign, said] = PART_SAID[told.state];
    return html`<div>
      <dt>${name}</dt>
      <dd>
        <span class=${`badge ${look}`}><span aria-hidden="true">${sign}</span> ${said}</span>
        <span class="soft small-text"
          >${[told.checked ? `${number(told.checked)} compared` : "", told.differing ? `${number(told.differing)} differing` : ""].filter(Boolean).join(", ")}</span
        >
      </dd>
    </div>`;
  }

  function tableRow(table) {
    const equal = equalitySaid(table.equal),
      name = nameOf(table.name, table.source);
    return html`<tr>
      <td class="wide">
        <details>
          <summary>${breakable(name)} ${table.target ? html`<span class="soft">→ ${breakable(table.target)}</span>` : nothing}</summary>
          <div class="scroll" tabindex="0" role="region" aria-label=${`Columns of ${name}`}>
            <table>
              <thead>
                <tr>
                  <th>Column</th>
                  <th>Declared</th>
                  <th>Type</th>
                  <th>Why</th>
                  <th>Changed values</th>
                </tr>
              </thead>
              <tbody>
                ${table.columns.map(
                  column =>
                    html`<tr>
                      <td>${breakable(column.name)}</td>
                      <td>${column.declared || "–"}</td>
                      <td><code>${column.target_type}</code></td>
                      <td>${column.reason}</td>
                      <td>
                        ${column.transforms.map(change => `${change.name}: ${number(change.values)}`).join(", ") || "none"}
                      </td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>
        </details>
      </td>
      <td class="num">
        ${tableRows(table)}
      </td>
      ${
        copies(report.mode)
          ? html`<td class="num">${table.bytes ? size(table.bytes) : "–"}</td>
              <td class="num">${table.chunks_done ? duration(table.seconds) : "–"}</td>`
          : nothing
      }
      <td>
        <span class=${`badge ${equal[0]}`}><span aria-hidden="true">${equal[1]}</span> ${equal[2]}</span>
      </td>
    </tr>`;
  }

  /** What became of a table's rows. How far a dry-run got that was stopped, its report does not say of each. */
  function tableRows(table) {
    const {rows_source: total, rows_quarantined: quarantined} = table;
    if (!copies(report.mode)) return `${number(total)} in the source, ${number(table.rows_target)} in the target`;
    if (report.mode === "migrate") return rowsSaid({loaded: table.rows_loaded, quarantined, total}, report);
    if (!["completed", "completed_with_findings"].includes(report.status))
      return `${number(total)} in the source${table.chunks_done < table.chunks ? ", not all tried" : ""}`;
    return rowsSaid({loaded: total - quarantined, quarantined, total}, report);
  }

  function show() {
    if (refusal) {
      draw(
        "content",
        html`<h1 tabindex="-1">No report</h1>
          <p>${refusal}</p>
          <p><a href=${`#/runs/${id}`}>The run</a> · <a href="#/runs">All runs</a></p>`,
      );
      return;
    }
    if (!report) {
      draw(
        "content",
        html`<h1 tabindex="-1">Report</h1>
          <p class="soft">Asking the server …</p>`,
      );
      return;
    }
    const skipped = report.objects.filter(item => item.state !== "created"),
      {verdict} = report;
    draw(
      "content",
      html` <div class="head">
          <div>
            <h1 tabindex="-1">Report${report.sources.length ? html`: ${breakable(report.sources.map(source => source.label).join(", "))}` : nothing}</h1>
            <p class="soft small-text">
              ${MODE_SAID[report.mode]} · <a href=${`#/runs/${id}`}><code class="id">${report.run_id}</code></a>
            </p>
          </div>
          ${badge(report.status, report.mode)}
        </div>
        <section class=${`card verdict ${LEVELS[verdict.level]}`} aria-labelledby="verdict-head">
          <h2 id="verdict-head">${verdict.headline}</h2>
          ${verdict.detail ? html`<p>${verdict.detail}</p>` : nothing}
          <dl class="facts">
            ${part("Rows", verdict.rows)}${part("Values", verdict.values)}${part("Schema", verdict.schema)}
            <div>
              <dt>Took</dt>
              <dd>${duration(report.seconds)}</dd>
            </div>
            ${
              report.throughput.rows_per_s
                ? html`<div>
                    <dt>Speed, of the whole phase</dt>
                    <dd>${number(Math.round(report.throughput.rows_per_s))} rows/s read</dd>
                  </div>`
                : nothing
            }
            <div>
              <dt>${{ready: "Held since", rolled_back: "Rolled back"}[report.status] ?? "Ended"}</dt>
              <dd>${dayAndTime(report.finished_at)}</dd>
            </div>
          </dl>
          <div class="actions no-print">
            <button type="button" @click=${() => save("report.html", `convoy-${id}.html`)}>Save as report.html</button>
            <button type="button" @click=${() => save("summary", `convoy-${id}.json`)}>Save as report.json</button>
            <button type="button" @click=${() => print()}>Print</button>
          </div>
        </section>
        ${
          report.error
            ? html`<div class="failure">
                <h2>Why it failed</h2>
                <p>${report.error}</p>
              </div>`
            : nothing
        }
        ${
          report.recommendations.length
            ? html`<section class="card" aria-labelledby="next-head">
                <h2 id="next-head">What to do next</h2>
                ${recommendations(report)}
              </section>`
            : nothing
        }
        <section class="card flush" aria-labelledby="tables-head">
          <div class="card-head">
            <h2 id="tables-head">Tables</h2>
            <span class="soft">${number(report.tables.length)}</span>
          </div>
          ${report.tables.length ? nothing : html`<p class="soft pad">None is known: ${NONE_KNOWN[report.status] ?? "the run has read none"}.</p>`}
          <div class="scroll" tabindex="0" role="region" aria-label="Rows of tables" ?hidden=${!report.tables.length}>
            <table>
              <thead>
                <tr>
                  <th>Table</th>
                  <th class="num">Rows</th>
                  ${
                    copies(report.mode)
                      ? html`<th class="num">Size</th>
                          <th class="num">Took</th>`
                      : nothing
                  }
                  <th>Both sides</th>
                </tr>
              </thead>
              <tbody>
                ${report.tables.slice(0, tablesShown).map(tableRow)}
              </tbody>
            </table>
          </div>
          ${
            report.tables.length > tablesShown
              ? html`<p class="pad">
                  <button
                    type="button"
                    class="small"
                    @click=${() => {
                      tablesShown += PAGE;
                      show();
                    }}
                  >
                    Show more tables
                  </button>
                </p>`
              : nothing
          }
        </section>
        ${
          report.findings_total
            ? html`<section class="card" aria-labelledby="findings-head">
                <div class="card-head">
                  <h2 id="findings-head">Findings</h2>
                  <span class="soft">${number(report.findings_total)}</span>
                </div>
                <ul class="findings">
                  ${report.findings.map(finding => findingLine(finding, nameOf))}
                </ul>
              </section>`
            : nothing
        }
        ${
          report.accepted.length
            ? html`<section class="card" aria-labelledby="signed-head">
                <h2 id="signed-head">Signed for</h2>
                <ul class="findings">
                  ${report.accepted.map(finding => findingLine(finding, nameOf))}
                </ul>
              </section>`
            : nothing
        }
        ${
          skipped.length
            ? html`<section class="card" aria-labelledby="objects-head">
                <h2 id="objects-head">Objects that are not as in the source</h2>
                <ul>
                  ${skipped
                    .slice(0, objectsShown)
                    .map(
                      item =>
                        html`<li>
                          <strong>${item.kind} ${breakable(ownedName(item, report.sources))}</strong> ${words(item.state)}: ${item.reason}
                        </li>`,
                    )}
                </ul>
                ${
                  skipped.length > objectsShown
                    ? html`<button
                        type="button"
                        class="small"
                        @click=${() => {
                          objectsShown += PAGE;
                          show();
                        }}
                      >
                        Show more
                      </button>`
                    : nothing
                }
              </section>`
            : nothing
        }
        <section class="card" aria-labelledby="source-head">
          <h2 id="source-head">Sources and target</h2>
          <dl class="facts">
            ${report.sources.map(
              source =>
                html`<div class="wide-fact">
                  <dt>${source.label}</dt>
                  <dd>
                    <span class="any-break">${source.path}</span> · ${size(source.bytes)}<br /><code class="any-break"
                      >${source.sha256}</code
                    >
                  </dd>
                </div>`,
            )}
            <div class="wide-fact">
              <dt>Target</dt>
              <dd class="any-break">${report.target.name ? `${report.target.name}: ` : ""}${report.target.url} · schema ${report.target.schema}</dd>
            </div>
            <div>
              <dt>Phases</dt>
              <dd>${report.phases.map(phase => html`<div>${phaseSaid(phase.name, report.mode)} ${duration(phase.seconds)}</div>`)}</dd>
            </div>
          </dl>
        </section>
        ${
          report.dry_run?.ddl?.length
            ? html`<section class="card" aria-labelledby="ddl-head">
                <h2 id="ddl-head">
                  ${count(report.dry_run.ddl.length, "statement")} that PostgreSQL would be asked to run
                </h2>
                <details>
                  <summary>Show them</summary>
                  ${pasteBlock(report.dry_run.ddl.join(";\n\n") + ";", "the statements")}
                </details>
              </section>`
            : nothing
        }`,
    );
    document.title = visibleLine(`Report ${report.sources.map(source => source.label).join(", ")} · Convoy`);
  }

  show();
  load();
  return {
    title: "Report",
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
