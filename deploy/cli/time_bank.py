"""linli time-bank"""

from __future__ import annotations

import click


@click.group("time-bank", short_help="时间币通兑的密钥 / keys of the time bank")
def time_bank() -> None:
    """与别的区通兑时间币所用的密钥 / the keys with which districts exchange time coins."""


@time_bank.command("new-key", short_help="新的私钥 / a new private key")
def new_key() -> None:
    """打印一把新的私钥，请存入 POINTS_TIME_BANK_KEY 的文件 / print one, to be kept in its file."""
    import base64  # noqa: PLC0415
    import secrets  # noqa: PLC0415

    click.echo(base64.b64encode(secrets.token_bytes(32)).decode())


@time_bank.command("public-key", short_help="本区公钥 / this district's public key")
def public_key() -> None:
    """打印区代码、公钥和密钥编号，交给对方登记 / code, public key and key id, for the others."""
    from services.points.config import read_settings  # noqa: PLC0415
    from services.points.rules.time_bank_seals import key_id_of, read_district  # noqa: PLC0415

    settings = read_settings()
    district = read_district(settings.district_code, settings.time_bank_key)
    if district is None:
        raise click.ClickException(
            "缺少 LINLI_DISTRICT_CODE 或 POINTS_TIME_BANK_KEY，时间币通兑未开通"
            " / LINLI_DISTRICT_CODE or POINTS_TIME_BANK_KEY is missing: the time bank is off"
        )
    click.echo(f"{district.code} {district.public_key} {key_id_of(district.public_key)}")
