// Every endpoint as /openapi.json has it: parameters, body and answers, with an example of each.
import {nothing, render} from "./vendored/lit-html/lit-html.js";
import {applyScheme} from "./colour_scheme.js";
import {html} from "./shown_text.js";

const DEEPEST = 6; // models may hold themselves
const BY_TYPE = {string: "text", integer: 0, number: 0.5, boolean: false};

function example(schema, all, depth = 0) {
  if (!schema || depth > DEEPEST) return null;
  if (schema.$ref) return example(all[schema.$ref.split("/").pop()], all, depth + 1);
  if (schema.examples) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf) return example(schema.anyOf[0], all, depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.type === "object") {
    return Object.fromEntries(
      Object.entries(schema.properties || {}).map(([name, value]) => [name, example(value, all, depth + 1)]),
    );
  }
  if (schema.type === "array") return schema.items ? [example(schema.items, all, depth + 1)] : [];
  return BY_TYPE[schema.type] ?? null;
}

function bodyOf(content, all) {
  const [type, media] = Object.entries(content || {})[0] || [];
  if (!type) return null;
  const value = media.schema && example(media.schema, all);
  return value === null || value === undefined || type.startsWith("text/") ? type : JSON.stringify(value, null, 2);
}

const block = (text, name) => (text ? html`<pre tabindex="0" role="region" aria-label=${name}>${text}</pre>` : nothing);

function answers(responses, all, name) {
  return Object.entries(responses).map(([status, answer]) => {
    const isProblem = "application/problem+json" in (answer.content || {});
    return html`<div><strong>${status}</strong> ${answer.description}${isProblem ? " (problem)" : ""}</div>
      ${isProblem ? nothing : block(bodyOf(answer.content, all), `Answer ${status} of ${name}`)}`;
  });
}

function endpoint(method, path, operation, all) {
  const name = `${method.toUpperCase()} ${path}`;
  return html`<details>
    <summary><b class="method">${method.toUpperCase()}</b><code>${path}</code></summary>
    <p>${operation.description || operation.summary || ""}</p>
    ${
      operation.parameters
        ? html`<table>
            <tbody>
              ${operation.parameters.map(
                item =>
                  html`<tr>
                    <th scope="row"><code>${item.name}</code></th>
                    <td>${item.in}${item.required ? ", required" : ""}</td>
                    <td>${item.description || ""}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`
        : nothing
    }
    ${
      operation.requestBody
        ? html`<div>Body:</div>
            ${block(bodyOf(operation.requestBody.content, all), `Body of ${name}`)}`
        : nothing
    }
    ${answers(operation.responses, all, name)}
  </details>`;
}

async function show() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) {
    const {detail} = await answer.json().catch(() => ({}));
    throw new Error(detail || `The server answered with status ${answer.status}.`);
  }
  const document_ = await answer.json(),
    all = document_.components.schemas,
    groups = new Map();
  for (const [path, operations] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const name = (operation.tags || ["other"])[0];
      groups.set(name, [...(groups.get(name) || []), endpoint(method, path, operation, all)]);
    }
  }
  document.getElementById("title").textContent = `${document_.info.title} ${document_.info.version}: endpoints`;
  document.getElementById("summary").textContent = document_.info.summary || "";
  render(
    [...groups].map(
      ([name, boxes]) =>
        html`<section>
          <h2>${name}</h2>
          ${boxes}
        </section>`,
    ),
    document.getElementById("endpoints"),
  );
}

const AGAIN_MS = 5000;

/** Asks until there is an answer, and says meanwhile what is wrong. */
async function showOnceToldOf() {
  try {
    await show();
  } catch (error) {
    const said = error instanceof TypeError ? "The server cannot be reached." : error.message;
    render(html`<p class="bad-text" role="alert">${said} It is asked for again by itself.</p>`, document.getElementById("endpoints"));
    setTimeout(showOnceToldOf, AGAIN_MS);
  }
}

applyScheme();
render(html`<p class="soft">Asking the server …</p>`, document.getElementById("endpoints"));
showOnceToldOf();
