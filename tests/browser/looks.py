"""In which languages and modes a page is looked at, and of which looks a picture is kept.

What goes wrong shows at the ends: Chinese in the usual size, and English, whose words are
longest, in elder mode. `make pictures` (LINLI_LOOKS=all) takes all four, and keeps pictures.
"""

from __future__ import annotations

import os
from typing import Final

_ALL: Final = os.environ.get("LINLI_LOOKS") == "all"
# (language, elder mode)
LOOKS: Final = (
    (("zh", "0"), ("zh", "1"), ("en", "0"), ("en", "1")) if _ALL else (("zh", "0"), ("en", "1"))
)
# (language, elder mode, width in CSS px): every rule of axe is asked of the widest and of the
# narrowest look of a page.
EXAMINED: Final = frozenset({("zh", "0", 1280), ("en", "1", 390)})
PICTURED: Final = frozenset({("zh", "0", 1280), ("zh", "1", 390)} if _ALL else ())
