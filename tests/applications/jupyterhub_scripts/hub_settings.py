"""A Hub whose users sign up with a password, and whose servers are small web servers; read by `jupyterhub -f`."""

import os
import sys
from pathlib import Path

from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner
from nativeauthenticator import NativeAuthenticator

HERE = Path(os.environ["HUB_FOLDER"])
PORT = int(os.environ["HUB_PORT"])


class RoutesOnly(Proxy):
    """Keeps the routes and proxies nothing: the tests ask the Hub at its own port."""

    should_start = False
    routes: dict = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return dict(self.routes)


c = get_config()  # noqa: F821
c.JupyterHub.db_url = os.environ["HUB_DATABASE"]
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{PORT}"
c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT + 1}"
c.JupyterHub.proxy_class = RoutesOnly
c.JupyterHub.cookie_secret_file = str(HERE / "cookie_secret")
c.JupyterHub.authenticator_class = NativeAuthenticator
c.JupyterHub.spawner_class = SimpleLocalProcessSpawner
c.JupyterHub.services = [{"name": "filler", "api_token": "of-a-test-and-long-enough"}]
c.JupyterHub.load_roles = [
    {"name": "filler", "services": ["filler"], "scopes": ["admin:users", "admin:auth_state", "admin:groups",
     "tokens", "servers", "shares", "list:users", "list:groups", "self"]},
    {"name": "watcher", "description": "Schaut nur zu ä", "users": ["ada"], "scopes": ["list:users", "shares"]},
]  # fmt: skip
c.Authenticator.admin_users = {"root"}
c.Authenticator.allow_all = True
c.Authenticator.enable_auth_state = True
c.NativeAuthenticator.open_signup = True
c.Spawner.cmd = [sys.executable, str(HERE / "server_of_user.py")]
c.Spawner.default_url = "/lab"
c.SimpleLocalProcessSpawner.home_dir_template = str(HERE / "home" / "{username}")
