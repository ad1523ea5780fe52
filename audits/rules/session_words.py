"""The words by which session_signals tells keys, values and names of login sessions from others."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


TELLING = _set(
    """
    cookie digest handle hash hashed header hex id identifier ids key keys name namespace ns param pfx
    prefix raw signed str token tokens uuid value
    """
)
"""What may follow the word session in the name of something that tells which session it is."""

CONTENT = _set(
    """
    context cookie data dto entry info json model obj object payload props raw record response result
    row schema state str string text type user value
    """
)
"""What may follow it in the name of a session's content."""

OTHER = _set(
    """
    agent ai analytics attempts browser call chat checkout class coaching collab conference config
    conversation count counter course lesson meeting talk webinar workshop
    counts debug editor exam game interview limit limits llm lock metrics missed payment playback poker
    prompt quiz rate ratelimit recording rpg sandbox secret settings share shell signing stats stream
    stripe study telegram terminal tg total training transfer upload uploads version video visitor visitors
    voice webrtc workout
    """
)
"""Words beside `session` that make it another kind of session, or something about sessions."""

FOREIGN = OTHER | _set(
    """
    account accounts album apikey apns article artist backup ban banned blacklist blocked cache
    cart challenge code codes csrf customer denylist device domain draft email emails event events
    fcm feature features file files flag flags history hit hits image images index invitation
    invitations invite invites invoice ip job jobs latest link links log logs magic message
    messages meta newsletter nonce notification onboarding order orders org otp page pages pkce
    plan playlist post posts preview price product products profile profiles project push pwreset
    queue quota reset revoked rl room rooms search short site state states subscription team
    tenant throttle track url urls usage user users verification verifier verify view views visit
    visits weather webhook
    """
)
"""Words of keys that are about something else; so are those of OTHER."""

STEPS = _set(
    """
    authreq confirm confirmation consent failed failures lockout mfa pending registration req
    request requests signup transaction tx txn unsub unsubscribe
    """
)
"""Words of keys of what comes before a login or stands beside it."""

NEUTRAL = _set(
    """
    access admin api app apple auth bearer cms cookie data dev discord facebook github google id in jwt
    key kv logged login microsoft oauth portal prefix prod refresh rt slack spotify staging strava
    test token tokens twitch twitter uid v web
    """
)
"""Words of keys that say nothing for or against."""

SHARED = _set("api app cms data dev id in key kv portal prefix prod staging test v web")
"""Those of them that the keys of a whole application may begin with."""

BARE_OTHERS = _set(
    """
    code email filename hostname ip nonce otp path slug state url username
    """
)
"""Names of variables that, alone, are the key of something else."""

OWNERS = _set(
    "auth body cookie data input login me owner params payload record row self token uid user value"
)
"""Whose id may well be the key of a session."""

PERSONS = _set(
    """
    account admin artist author client contact customer device discord email github google guild login mail
    member org organization owner person phone player profile shop spotify staff sub team tenant user
    username users
    """
)
"""Whose id stays the same over many logins."""

CREDENTIALS = _set("credentials passphrase passwd password pin pwd")
"""What somebody types in at each login, so that a hash of it comes again too."""

TOKENS = _set(
    """
    authorization bearer cookie jwt tok token
    """
)
"""Names that may hold the id of a session."""

AUTH = _set("auth bearer jwt login token tokens")
"""Words of keys that tokens which stand for a login may be kept under."""

LOGINS = _set("auth bearer")
"""Words in the name of a key's prefix or maker that say: a token under it stands for a login."""

MEMBERS = _set("customer member staff tenant user users")
"""Those who log in: a word beside the others that does not tell what else a token is for."""

LOGIN_KEYS = (
    LOGINS | MEMBERS | _set("admin by for jwt key keys kv make namespace ns of pfx prefix to token tokens")
)
"""All words that such a name may have: any other one tells what else the token is for."""

HASHED = _set("digest hash hashed sha sha256 tok token")
"""Words in the name of a function that makes a key of a token."""

PARTNERS = _set("call channel chat conversation game guild lobby match player room thread")
"""Whose id makes a session one of those who talk or play."""

RECORDS = _set("body data doc existing form input item params payload record row")
"""Names of contents; a login's id is not part of its own content."""

GENERIC = _set("k key name")
"""Names of keys that say nothing."""

ABOUT_ALL = _set(
    """
    active change cursor id index key last lock meta metadata migration next online schema seq sequence
    ttl updated
    """
)
"""Words of constant keys that hold something about all sessions, or what signs them."""

CONVERSATION = _set(
    """
    board chunks conversation history messages parts players score transcript
    """
)
"""What the sessions of chats and games are made of."""
