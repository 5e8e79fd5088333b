// The token is asked for once, tried, and kept for this browser tab only.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {ProblemError, RUNS, ask, keepToken} from "./api_requests.js";
import {announce, draw} from "./page_screen.js";
import {html} from "./shown_text.js";

export function signInPage(reason, onDone) {
  let complaint = reason,
    isTrying = false;

  function show() {
    draw(
      "content",
      html`<form class="card sign-in" @submit=${submit}>
        <h1 tabindex="-1">Sign in</h1>
        <p class="soft">
          This server asks for a token: the value of MIGRATION_API_TOKEN, or one that was made for you. It is kept for
          this browser tab only.
        </p>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false" required aria-describedby="complaint" />
        <p id="complaint" class="complaint" role="alert">${complaint || nothing}</p>
        <button class="primary" ?disabled=${isTrying}>${isTrying ? "Asking the server …" : "Sign in"}</button>
      </form>`,
    );
  }

  async function submit(event) {
    event.preventDefault();
    const field = event.target.querySelector("input");
    keepToken(field.value.trim());
    isTrying = true;
    complaint = "";
    show();
    try {
      await ask(`${RUNS}?limit=1`);
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) return; // this page is drawn anew, with the reason
      // Any other problem is not the token's, and the next page says what it is.
    }
    announce("Signed in");
    onDone();
  }

  show();
  document.getElementById("token").focus();
  return {title: "Sign in", close() {}};
}
