"""What a file speaks of: logins, conversations, both or neither."""

import pytest

from audits.js.syntax.topics import CONVERSATION, LOGIN, USERS, of

SAID = {
    "const cookies = parse(request.headers.get('Cookie'));": (LOGIN,),
    "if (await verify(password)) return logIn(user);": (LOGIN,),
    "export const requireAuth = () => {};": (LOGIN,),
    "return json({ error: 'Unauthorized' }, 401);": (LOGIN,),
    "const token = c.req.header('authorization');": (LOGIN,),
    "fetch(url, { headers: { Authorization: `Bearer ${env.OPENAI_API_KEY}` } });": (),
    "const author = blog.authors[0]; sendMessage('hello');": (),
    "return { userId: row.owner };": (USERS,),
    "if (cookies.has('x')) return user.id;": (LOGIN, USERS),
    "const history = await assistant.complete(messages);": (CONVERSATION,),
    "telegram.sendMessage(chat.id); if (!password) return;": (CONVERSATION, LOGIN),
}


@pytest.mark.parametrize("source", SAID)
def test_topics_go_by_words(source):
    assert of("src/index.ts", source.encode()) == SAID[source]


def test_the_files_name_counts_and_any_name_will_do():
    assert of("src/auth/store.ts", b"") == (LOGIN,)
    assert of("src/\udcff.ts", b"") == ()
