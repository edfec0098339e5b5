"""Make chatctl/core/confusables_table.py from the Unicode Consortium's confusables.txt (UTS #39).

    python contrib/confusables.py path/to/confusables.txt > chatctl/core/confusables_table.py

Kept is what a nickname can hold: letters, marks, numbers, and ASCII.
"""

import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

_LINE = re.compile(r"([0-9A-F]+) ;\t([0-9A-F]+(?: [0-9A-F]+)*) ;\tMA")

MODULE = '''\
"""Which characters look like which others: the data of UTS #39, version {version}. Made by contrib/confusables.py.

Cut down to letters, marks, numbers and ASCII; changed in nothing else. Each line begins with a block of 256 code points
and has a pair for each character: the last two digits of its code point, and the code points of its prototype.

Copyright © 1991-2020 Unicode, Inc. All rights reserved.
Distributed under the Terms of Use in https://www.unicode.org/copyright.html.

Permission is hereby granted, free of charge, to any person obtaining a copy of the Unicode data files and any
associated documentation (the "Data Files") or Unicode software and any associated documentation (the "Software")
to deal in the Data Files or Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, and/or sell copies of the Data Files or Software, and to permit persons to
whom the Data Files or Software are furnished to do so, provided that either (a) this copyright and permission
notice appear with all copies of the Data Files or Software, or (b) this copyright and permission notice appear in
associated Documentation.

THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD
PARTY RIGHTS. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM,
OR ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR
PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION
WITH THE USE OR PERFORMANCE OF THE DATA FILES OR SOFTWARE.

Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise
to promote the sale, use or other dealings in these Data Files or Software without prior written authorization of
the copyright holder.
"""

TABLE = """\\
{table}"""
'''


def main() -> None:
    """Print the module."""
    source = Path(sys.argv[1]).read_text(encoding="utf-8-sig")
    version = re.search(r"^# Version: (\S+)", source, re.MULTILINE)
    blocks: defaultdict[str, list[str]] = defaultdict(list)
    for code, prototype in sorted(_LINE.findall(source), key=lambda pair: int(pair[0], 16)):
        char = chr(int(code, 16))
        if char.isascii() or unicodedata.category(char)[0] in "LMN":
            blocks[code[:-2]].append(f"{code[-2:]}={prototype.replace(' ', '+')}")
    table = "".join(f"{block} {' '.join(pairs)}\n" for block, pairs in blocks.items())
    print(MODULE.format(version=version[1] if version else "unknown", table=table), end="")


if __name__ == "__main__":
    main()
