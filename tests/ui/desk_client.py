"""A browser without a window: cookies, forms and what Chromium says of a form's origin."""

import asyncio
import re
from html import unescape
from typing import Any

import httpx

from tests.ui.desk_home import KEY, PASSWORD, Desk

BASE = "http://127.0.0.1:3005"
OWN = {"sec-fetch-site": "same-origin", "origin": "null"}
"""What Chromium sends with a form of a page whose referrer policy is no-referrer."""


class Client:
    """One browser at one desk."""

    def __init__(self, desk: Desk, base: str = BASE) -> None:
        self.desk, self.base = desk, base
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, **given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(
        self, path: str, data: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as a page of the desk would; ``headers`` replace what a browser says."""
        return self.request("POST", path, data=data, headers=OWN if headers is None else headers)

    def token(self, path: str) -> str:
        """The token of the forms on a page."""
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def sign_in(self, name: str, password: str = PASSWORD, back: str = "/") -> httpx.Response:
        form = {"name": name, "password": password, "back": back}
        return self.post("/sign-in", form | {"token": self.token("/sign-in")})

    async def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.desk.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=self.base, cookies=self.cookies
        ) as client:
            answer = await client.request(method, path, **given)
            self.cookies = client.cookies
            return answer


def signed_in(desk: Desk, name: str) -> Client:
    """A browser in which somebody is signed in, without the half second a password takes."""
    from assets.desk.users import Users
    from orchestration.desk.cookies import SIGNED_IN
    from orchestration.desk.visits import begin, written

    user = Users(desk.home).named(name)
    assert user is not None, name
    now = desk.clock()
    client = Client(desk)
    cookie = written(begin(name, user.epoch, now), KEY, now)
    client.cookies.set(SIGNED_IN, cookie, domain="127.0.0.1", path="/")
    return client


def words(answer: httpx.Response) -> str:
    """The words of a page."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())
