"""The words that the register's pages show for codes, Chinese and English."""

from __future__ import annotations

from shared.web.i18n import t

_ALL = {
    "area": {
        "district": ("区", "District"),
        "street": ("街道", "Street"),
        "community": ("社区", "Community"),
        "grid": ("网格", "Grid"),
        "micro_grid": ("微网格", "Micro-grid"),
    },
    "building": {
        "dwelling": ("住宅", "Dwellings"),
        "mixed": ("商住", "Mixed"),
        "commercial": ("商用", "Commercial"),
        "public": ("公用", "Public"),
        "dormitory": ("宿舍", "Dormitory"),
        "other": ("其他", "Other"),
    },
    "usage": {
        "lived_in": ("自住", "Lived in by its owner"),
        "let": ("出租", "Let"),
        "empty": ("空置", "Empty"),
        "business": ("经营", "Business"),
        "other": ("其他", "Other"),
    },
    "residence": {
        "together": ("人户一致", "Lives where registered"),
        "apart": ("人户分离", "Lives apart from the registration"),
        "on_paper": ("空挂", "Registered on paper only"),
    },
    "origin": {
        "registered": ("户籍", "Registered here"),
        "floating": ("流动", "From elsewhere"),
        "overseas": ("境外", "From abroad"),
    },
    "whereabouts": {
        "here": ("在住", "Lives here"),
        "away": ("外出", "Away"),
        "moved": ("已迁出", "Moved away"),
        "died": ("已故", "Died"),
    },
    "purpose": {
        "register": ("登记信息", "Keeping the register"),
        "contact": ("电话、短信联系", "Being called and written to"),
        "share": ("向合伙人提供", "Being named to partners"),
        "photo": ("拍照、公示照片", "Being photographed"),
    },
    "how": {
        "paper": ("书面", "On paper"),
        "spoken": ("口头", "By word of mouth"),
        "online": ("网上", "Online"),
    },
    "resident_role": {
        "delegate": ("居民代表", "Residents' delegate"),
        "grid_worker": ("网格员", "Grid worker"),
        "party_member": ("报到党员", "Party member reporting here"),
        "volunteer": ("志愿者", "Volunteer"),
    },
    "field": {"name": ("姓名", "Name"), "phone": ("电话", "Phone")},
    "unit": {
        "desk": ("窗口", "Desk"),
        "department": ("部门", "Department"),
        "village": ("村居", "Village"),
        "team": ("队伍", "Team"),
        "outside": ("外部单位", "Outside body"),
    },
    "duty": {
        "clerk": ("窗口员", "Clerk"),
        "dispatcher": ("派单员", "Dispatcher"),
        "handler": ("承办人", "Handler"),
        "checker": ("核查员", "Checker"),
        "head": ("负责人", "Head"),
        "secretary": ("书记", "Secretary"),
    },
}


def word(kind: str, code: str | None) -> str:
    """What a code is called; the code itself when it has no word."""
    return t(*_ALL[kind].get(code or "", (code or "", code or "")))


def options(kind: str, none: tuple[str, str] | None = None) -> list[tuple[str, str]]:
    """(code, word) of each; `none` is what an empty first one says."""
    first = [("", t(*none))] if none else []
    return [*first, *((code, t(*words)) for code, words in _ALL[kind].items())]
