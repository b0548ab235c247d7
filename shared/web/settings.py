"""Settings of the web face; read once by each service's config and handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from shared import config

BODY_LIMIT_BYTES = 1024 * 1024
SESSION_KEY_CHARS_MIN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """`trusted_proxies` is the number of reverse proxies whose X-Forwarded-* headers are believed.

    Raises ValueError when the session key is too short to sign with.
    """

    session_key: str
    secure_cookies: bool = False
    trusted_proxies: int = 0
    body_limit_bytes: int = BODY_LIMIT_BYTES
    revision: str = ""

    def __post_init__(self) -> None:
        if len(self.session_key) < SESSION_KEY_CHARS_MIN:
            raise ValueError(
                f"LINLI_SESSION_KEY 至少 {SESSION_KEY_CHARS_MIN} 个字符 /"
                f" LINLI_SESSION_KEY must have at least {SESSION_KEY_CHARS_MIN} characters"
            )


def read_web_settings(env: Mapping[str, str] | None = None) -> WebSettings:
    """The settings from the environment.

    Cookies are marked Secure when LINLI_PUBLIC_URL is https; a plain-HTTP trial still works.
    """
    public_url = config.read("LINLI_PUBLIC_URL", "", env)
    return WebSettings(
        session_key=config.read("LINLI_SESSION_KEY", env=env),
        secure_cookies=public_url.lower().startswith("https://"),
        trusted_proxies=config.read_int("LINLI_TRUSTED_PROXIES", 0, env),
        revision=config.read("LINLI_REVISION", "", env),
    )


def product_version() -> str:
    """The installed version of Linli; `0` when it runs from a tree that was never installed."""
    try:
        return metadata.version("linli")
    except metadata.PackageNotFoundError:
        return "0"
