"""Make chatctl/data/confusables.txt from the Unicode Consortium's confusables.txt (UTS #39).

    python contrib/confusables.py path/to/confusables.txt > chatctl/data/confusables.txt

Kept is what a nickname can hold: letters, marks, numbers, and ASCII.
"""

import re
import sys
import unicodedata
from pathlib import Path

_LINE = re.compile(r"([0-9A-F]+) ;\t([0-9A-F]+(?: [0-9A-F]+)*) ;\tMA")

HEADER = """\
# Which characters look like which others: each line a character, and the characters that it is taken for. Made from
# confusables.txt of Unicode Technical Standard #39, version {version}, cut down to letters, marks, numbers and
# ASCII by contrib/confusables.py; the data were changed in nothing else.
#
# Copyright © 1991-2020 Unicode, Inc. All rights reserved.
# Distributed under the Terms of Use in https://www.unicode.org/copyright.html.
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of the Unicode data files and any
# associated documentation (the "Data Files") or Unicode software and any associated documentation (the "Software")
# to deal in the Data Files or Software without restriction, including without limitation the rights to use, copy,
# modify, merge, publish, distribute, and/or sell copies of the Data Files or Software, and to permit persons to
# whom the Data Files or Software are furnished to do so, provided that either (a) this copyright and permission
# notice appear with all copies of the Data Files or Software, or (b) this copyright and permission notice appear in
# associated Documentation.
#
# THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
# NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD
# PARTY RIGHTS. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM,
# OR ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR
# PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION
# WITH THE USE OR PERFORMANCE OF THE DATA FILES OR SOFTWARE.
#
# Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise
# to promote the sale, use or other dealings in these Data Files or Software without prior written authorization of
# the copyright holder.
"""


def main() -> None:
    """Print the table."""
    source = Path(sys.argv[1]).read_text(encoding="utf-8-sig")
    version = re.search(r"^# Version: (\S+)", source, re.MULTILINE)
    print(HEADER.format(version=version[1] if version else "unknown"), end="")
    for match in _LINE.finditer(source):
        char = chr(int(match[1], 16))
        if char.isascii() or unicodedata.category(char)[0] in "LMN":
            print(match[1], match[2])


if __name__ == "__main__":
    main()
