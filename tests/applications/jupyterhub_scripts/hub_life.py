"""What people do with the Hub at HUB_PORT: `write` at the first, `go_on` at the second database."""

import json
import os
import re
import sys
import time

import requests

PLACE = f"http://127.0.0.1:{os.environ['HUB_PORT']}/hub"
SERVICE = {"Authorization": "token of-a-test-and-long-enough"}
ADMIN = "root"
PASSWORDS = {ADMIN: "rööt 🔑 word", "ada": "Änne's \\ word", "grace": "0123456789"}


def api(method: str, path: str, body: object = None, token: str | None = None) -> object:
    """Ask the Hub's API, as the service or with a user's token."""
    header = {"Authorization": f"token {token}"} if token else SERVICE
    answer = requests.request(method, f"{PLACE}/api{path}", json=body, headers=header, timeout=60)
    assert answer.ok, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.text else None


def form(session: requests.Session, path: str, values: dict[str, str]) -> requests.Response:
    """Fill in one of the Hub's forms."""
    page = session.get(PLACE + path, timeout=60)
    token = re.search(r'name="_xsrf"\s+value="([^"]*)"', page.text)
    assert token, page.text[:2000]
    return session.post(PLACE + path, data={**values, "_xsrf": token[1]}, timeout=60, allow_redirects=False)


def sign_up(name: str, password: str) -> None:
    """Make an account, as a new user does."""
    answer = form(requests.Session(), "/signup", {
        "username": name, "signup_password": password, "signup_password_confirmation": password,
        "email": f"{name}@example.org",
    })  # fmt: skip
    assert answer.ok, answer.text


def log_in(name: str, password: str) -> bool:
    """Log in at the Hub's own form; whether it lets one in."""
    return form(requests.Session(), "/login", {"username": name, "password": password}).status_code == 302


def serve(name: str, options: dict[str, object]) -> None:
    """Start the server of a user, and stop it when it is ready."""
    api("POST", f"/users/{name}/server", options)
    for _ in range(600):
        user = api("GET", f"/users/{name}")
        if user["servers"].get("", {}).get("ready"):
            break
        time.sleep(0.1)
    else:
        raise AssertionError(user)
    api("DELETE", f"/users/{name}/server")
    for _ in range(600):
        if not api("GET", f"/users/{name}")["servers"]:
            return
        time.sleep(0.1)
    raise AssertionError(name)


def write() -> dict[str, str]:
    """Fill the Hub; return the tokens that it has given out."""
    for name, password in PASSWORDS.items():
        sign_up(name, password)
        assert log_in(name, password)
    assert not log_in("ada", "wrong")
    api("POST", "/users", {"usernames": ["visitor", "zoë"]})
    api("PATCH", "/users/ada", {"auth_state": {"upstream": "ü", "n": [1, None, 2.5]}})
    api("POST", "/groups/staff")
    api("PUT", "/groups/staff/properties", {"limit": 3, "ü": [None, 1.5]})
    api("POST", "/groups/empty")
    api("POST", "/groups/staff/users", {"users": ["ada", "zoë"]})
    serve("ada", {"image": "größe:1", "cpu": 0.5, "none": None})
    tokens = {
        "short": api("POST", "/users/ada/tokens", {"note": "läuft ab", "expires_in": 864000}),
        "long": api("POST", "/users/ada/tokens", {"note": "", "scopes": ["self"]}),
        ADMIN: api("POST", f"/users/{ADMIN}/tokens", {"note": "rules"}),
    }
    return {name: token["token"] for name, token in tokens.items()}


def go_on(tokens: dict[str, str]) -> dict[str, object]:
    """Use the accounts and tokens of before, and go on."""
    assert api("GET", "/users/ada")["auth_state"] == {"upstream": "ü", "n": [1, None, 2.5]}
    assert all(log_in(name, password) for name, password in PASSWORDS.items())
    assert not log_in("ada", "wrong")
    assert api("GET", "/user", token=tokens["short"])["name"] == "ada"
    assert api("GET", "/user", token=tokens["long"])["name"] == "ada"
    serve("ada", {"image": "neu"})
    serve("grace", {})
    sign_up("new", "a new pässword")
    assert log_in("new", "a new pässword")
    api("POST", "/groups/more", token=tokens[ADMIN])
    api("POST", "/groups/more/users", {"users": ["new"]}, token=tokens[ADMIN])
    made = api("POST", "/users/new/tokens", {"note": "new"})
    assert api("GET", "/user", token=made["token"])["groups"] == ["more"]
    api("DELETE", "/users/visitor")
    return {"users": sorted(user["name"] for user in api("GET", "/users"))}


if __name__ == "__main__":
    told = [json.loads(word) for word in sys.argv[2:]]
    print(json.dumps({"write": write, "go_on": go_on}[sys.argv[1]](*told)))
