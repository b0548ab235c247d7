"""A certificate as a PDF on A4, for those who have no browser to print from."""

from __future__ import annotations

import io

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from services.points.queries.certificates import Told
from services.points.queries.proof import in_groups
from services.points.rules.explaining import KINDS, words
from shared.web.codes import draw_qr
from shared.web.display import minutes

FONT = "STSong-Light"  # every reader has a face for it: no font file is needed
_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT = 22 * mm, _WIDTH - 22 * mm
_LINE = 6.4 * mm
_CONTENTS_MAX = 12
_QR = 30 * mm
_SMALL, _USUAL = 9, 11


class _Sheet:
    """Writes downwards."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.y = _HEIGHT - 30 * mm

    def line(self, text: str, size: int = _USUAL, indent: float = 0) -> None:
        """A line, broken where it is too long."""
        self.canvas.setFont(FONT, size)
        room = _RIGHT - _LEFT - indent
        part = ""
        for char in text:
            if pdfmetrics.stringWidth(part + char, FONT, size) > room:
                self._write(part, indent)
                part = ""
            part += char
        self._write(part, indent)

    def _write(self, text: str, indent: float) -> None:
        self.canvas.drawString(_LEFT + indent, self.y, text)
        self.y -= _LINE

    def head(self, text: str) -> None:
        """The name of a part, with a rule above it."""
        self.y -= 1.5 * mm
        self.canvas.line(_LEFT, self.y + 5 * mm, _RIGHT, self.y + 5 * mm)
        self.line(text, 12)


def pdf(told: Told, address: str) -> bytes:
    """The sheet; `address` is where its QR leads."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle(f"志愿服务证明 {told.certificate_no}")
    sheet = _Sheet(canvas)
    canvas.setFont(FONT, 20)
    canvas.drawCentredString(_WIDTH / 2, sheet.y, "志愿服务记录证明")
    sheet.y -= 8 * mm
    canvas.setFont(FONT, _USUAL)
    canvas.drawCentredString(_WIDTH / 2, sheet.y, "Certificate of service")
    sheet.y -= 12 * mm
    _parts(sheet, told)
    _foot(sheet, told, address)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _parts(sheet: _Sheet, told: Told) -> None:
    office = told.office or {}
    sheet.head("一、持证人 Holder")
    sheet.line(f"居民编号 Resident no.  {told.resident_no}")
    sheet.line(
        "姓名 Name  ____________________    证件类型与号码 ID  ______________________________"
    )
    sheet.head("二、服务 Service")
    sheet.line(f"期间 Period  {told.from_on} – {told.until_on}    时长 Time  {_time(told.minutes)}")
    for each in (told.contents or [])[:_CONTENTS_MAX]:
        kind = words(KINDS, each["kind"])
        sheet.line(
            f"{kind.zh} {kind.en}: {each['count']} 次, {_time(each['minutes'])}"
            f"（{each['first_on']} – {each['last_on']}）",
            10,
            6 * mm,
        )
    sheet.head("三、出具单位 Issuer")
    sheet.line(f"单位 Issuer  {office.get('issuer', '')}")
    sheet.line(
        f"负责人 Responsible  {office.get('responsible', '')}    经办人 Handler "
        f" {office.get('handler', '')}    联系方式 Contact  {office.get('contact', '')}"
    )
    sheet.head("四、证明 Certificate")
    sheet.line(f"编号 No.  {told.certificate_no}    签发 Issued  {told.issued_on}")
    sheet.line(f"公示至 In notice until  {told.valid_on}，自该日起生效 valid from that day")
    sheet.line(f"备注 Notes  {told.notes or '—'}")
    if told.state == "revoked":
        sheet.line(f"已撤销 REVOKED  {told.ended_reason or ''}", 14)


def _foot(sheet: _Sheet, told: Told, address: str) -> None:
    canvas, top = sheet.canvas, sheet.y - 4 * mm
    draw_qr(canvas, address, _LEFT, top - _QR, _QR, border=0)
    canvas.setFont(FONT, _USUAL)
    canvas.drawString(_LEFT + _QR + 8 * mm, top - 8 * mm, "负责人签字 Signed ________________")
    canvas.drawString(_LEFT + _QR + 8 * mm, top - 18 * mm, "经办人签字 Signed ________________")
    canvas.drawString(_LEFT + _QR + 78 * mm, top - 13 * mm, "（盖章 Seal）")
    sheet.y = top - _QR - 6 * mm
    sheet.line(f"扫码核验 Verify: {address}", _SMALL)
    if told.proof_root is not None:
        sheet.line(f"封存的根 Proof root {told.proof_on}: {in_groups(told.proof_root)}", _SMALL)


def _time(value: int | None) -> str:
    return minutes(value) if value is not None else "—"
