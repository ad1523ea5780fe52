import pytest

from audits.js.syntax.bare_text import bare

TEXTS = {
    "a = 'page'; page": "a =       ; page",
    'a("x\\"page") page': "a(         ) page",
    "a // page\npage": "a        \npage",
    "/* page\n page */ page": "       \n         page",
    "`page ${page.keys} page` + page": "      ${page.keys}       + page",
    "don't": "don't",
}


@pytest.mark.parametrize("text", TEXTS)
def test_prose_becomes_blanks_and_nothing_moves(text):
    assert bare(text) == TEXTS[text]
    assert len(bare(text)) == len(text)
