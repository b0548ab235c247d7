"""The envelope in which districts speak; what is inside is checked by rules/time_bank_messages."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class EnvelopeSchema(Schema):
    """报文：签名覆盖 body 与 key_id 的规范 JSON / signed over canonical JSON of body and key id."""

    body = fields.Dict(required=True, metadata={"description": "proposal, cancel, receipt"})
    key_id = fields.String(required=True, metadata={"description": "密钥编号 / id of the key"})
    signature = fields.String(
        required=True, metadata={"description": "Ed25519 签名，base64 / signature in base64"}
    )


class FromQuery(Schema):
    """Whose transfer it is; ids are each district's own."""

    from_district = fields.String(
        data_key="from",
        required=True,
        validate=validate.Regexp(r"\A[0-9A-Za-z][0-9A-Za-z-]{1,31}\Z"),
        metadata={"description": "转出区代码 / code of the sending district"},
    )
